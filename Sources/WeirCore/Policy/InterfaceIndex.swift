/// Finds the first of many entries that matches an interface by a look-up for each letter of its name.
public struct InterfaceIndex {
    /// The index of the first entry for each family.
    private struct First {
        var ipv4: Int?
        var ipv6: Int?

        mutating func note(_ index: Int, _ network: CIDR?) {
            if network?.isIPv4 != false { ipv4 = ipv4 ?? index }
            if network?.isIPv4 != true { ipv6 = ipv6 ?? index }
        }
    }

    private let entries: [InterfaceFacts]
    private var names: [[UInt8]: First] = [:]
    /// What stands before a trailing `+`.
    private var beginnings: [[UInt8]: First] = [:]

    public init(_ entries: [InterfaceFacts]) {
        self.entries = entries
        for (index, entry) in entries.enumerated() {
            if let beginning = entry.beginning {
                beginnings[beginning, default: First()].note(index, entry.network)
            } else {
                names[Array(entry.name.utf8), default: First()].note(index, entry.network)
            }
        }
    }

    /// - Returns: the first entry that matches, in a family.
    public func first(_ interface: String, isIPv4: Bool) -> InterfaceFacts? {
        let name = Array(interface.utf8)
        var found = [names[name]]
        // No interface's name is longer (IFNAMSIZ).
        for length in 0...min(name.count, 15) { found.append(beginnings[Array(name.prefix(length))]) }
        return found.compactMap { isIPv4 ? $0?.ipv4 : $0?.ipv6 }.min().map { entries[$0] }
    }
}

extension InterfaceFacts {
    /// What the names that match begin with, for a name with a trailing `+`.
    public var beginning: [UInt8]? { name.utf8.last == UInt8(ascii: "+") ? Array(name.utf8.dropLast()) : nil }
}
