/// A CNI network configuration list (CNI specification 1.1.0, section 1), to be edited as text: what is not the plugin's
/// entry keeps its bytes, and taking the entry out again gives back the text from before.
public struct NetworkList {
    public let text: [UInt8]
    private let plugins: [JSONValue]
    private let own: Int?

    /// - Throws: why this is no list.
    public init(_ text: [UInt8]) throws(InstallError) {
        self.text = text
        let root: JSONValue
        do {
            root = try JSONDocument(text).root
        } catch {
            throw InstallError("is not JSON (\(error))")
        }
        guard let plugins = root["plugins"]?.items, !plugins.isEmpty else {
            throw InstallError("has no list \"plugins\" with an entry")
        }
        // libcni refuses such lists as well.
        guard plugins.allSatisfy({ $0["type"]?.string?.isEmpty == false }) else {
            throw InstallError("has an entry of \"plugins\" without a \"type\"")
        }
        guard root["name"]?.string?.isEmpty == false else { throw InstallError("has no \"name\"") }
        self.plugins = plugins
        own = plugins.firstIndex { $0["type"]?.string == PluginSettings.type }
        guard own == nil || plugins.count > 1 else {
            throw InstallError("has no plugin but weir-cni, which makes no interface")
        }
    }

    public var hasEntry: Bool { own != nil }

    /// With the plugin's entry as these settings have it: in place of an older one, which others may have put themselves
    /// behind, else at the end.
    public func with(_ settings: PluginSettings) -> [UInt8] {
        let entry = settings.entry.text.utf8
        if let own { return text.replacing(plugins[own].range, with: entry) }
        let last = plugins[plugins.count - 1].range
        return text.replacing(
            last.upperBound..<last.upperBound, with: [UInt8(ascii: ",")] + indentation(before: last) + entry)
    }

    /// Without it.
    public func withoutEntry() -> [UInt8] {
        guard let own else { return text }
        // With the comma and the space between it and its neighbour.
        let range =
            own > 0
            ? plugins[own - 1].range.upperBound..<plugins[own].range.upperBound
            : plugins[own].range.lowerBound..<plugins[own + 1].range.lowerBound
        let rest = text.replacing(range, with: [])
        guard let list = try? NetworkList(rest), list.hasEntry else { return rest }
        return list.withoutEntry()
    }

    /// The white space that stands before an entry.
    private func indentation(before entry: Range<Int>) -> ArraySlice<UInt8> {
        let space: Set<UInt8> = [0x20, 0x09, 0x0a, 0x0d]
        let before = text[..<entry.lowerBound]
        return before[(before.lastIndex { !space.contains($0) }.map { $0 + 1 } ?? 0)...]
    }

    /// A list of the one plugin that a `.conf` file holds, as libcni makes one.
    /// - Throws: why there is no plugin in it.
    public init(wrapping conf: [UInt8]) throws(InstallError) {
        let document: JSONDocument
        do {
            document = try JSONDocument(conf)
        } catch {
            throw InstallError("is not JSON (\(error))")
        }
        guard document.root["type"]?.string?.isEmpty == false else { throw InstallError("has no \"type\"") }
        var head: [UInt8] = []
        for key in ["cniVersion", "name"] {
            guard let value = document.root[key] else { continue }
            head += [UInt8]("  \"\(key)\": ".utf8) + document.text(of: value) + [UInt8](",\n".utf8)
        }
        let entry = document.text(of: document.root)
        try self.init(
            [UInt8]("{\n".utf8) + head + [UInt8]("  \"plugins\": [\n    ".utf8) + entry + [UInt8]("\n  ]\n}\n".utf8))
    }
}

extension [UInt8] {
    fileprivate func replacing(_ range: Range<Int>, with new: some Sequence<UInt8>) -> [UInt8] {
        var copy = self
        copy.replaceSubrange(range, with: Array(new))
        return copy
    }
}
