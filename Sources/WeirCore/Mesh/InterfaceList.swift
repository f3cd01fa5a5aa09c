/// Lists of interface names in annotations.
enum InterfaceList {
    /// Reads names divided by commas; empty items are ignored.
    /// - Throws: a sentence that names the invalid item.
    static func read(_ text: String) throws(InvalidValue) -> [String] {
        var names: [String] = []
        for item in text.split(separator: ",") {
            let name = String(item).trimmed
            if !name.isEmpty { names.append(try check(name)) }
        }
        return names
    }

    /// The kernel's limit: 15 bytes, no slash, no space.
    static func check(_ name: String) throws(InvalidValue) -> String {
        guard (1...15).contains(name.utf8.count), !name.contains(where: { $0 == "/" || $0.isWhitespace }) else {
            throw InvalidValue("\"\(name)\" is not the name of a network interface")
        }
        return name
    }
}
