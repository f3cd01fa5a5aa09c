import WeirCore

/// What is known by the interface a packet leaves or came in by, in one family. The first entry that matches counts.
struct InterfaceMatches {
    private let field: String
    private let family: Family
    private let entries: [Entry]

    private struct Entry {
        let facts: Facts
        let network: CIDR?
        /// nft's expressions; none: any interface.
        let expressions: [String]
        /// The name in quotes, when that is all there is to match.
        let plain: String?
    }

    /// - Throws: a sentence that names an interface that cannot be written in a script.
    init(_ interfaces: [InterfaceFacts], _ direction: Direction, _ family: Family) throws(InvalidValue) {
        let field = direction == .outbound ? "oifname" : "iifname"
        var entries: [Entry] = []
        var earlier: [InterfaceFacts] = []
        for entry in interfaces where entry.network.map({ $0.isIPv4 == (family == .ipv4) }) ?? true {
            try Self.check(entry.name)
            guard !earlier.contains(where: { $0.covers(entry) }) else { continue }
            let others = earlier.filter(entry.covers).map { "\(field) != \(Self.quoted($0.name))" }
            let own = entry.name == "+" ? [] : ["\(field) \(Self.quoted(entry.name))"]
            let isPlain = others.isEmpty && !entry.name.hasSuffix("+")
            entries.append(
                Entry(
                    facts: entry.facts, network: entry.network, expressions: own + others,
                    plain: isPlain ? Self.quoted(entry.name) : nil))
            earlier.append(entry)
        }
        self.field = field
        self.family = family
        self.entries = entries
    }

    /// Annotations name interfaces, and whoever writes them must not write rules.
    private static func check(_ name: String) throws(InvalidValue) {
        let allowed = name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || Array("-_.:+".utf8).contains(byte)
        }
        guard allowed && !name.isEmpty && name.utf8.count <= 16 && !name.dropLast().contains("+") else {
            throw InvalidValue(
                "the interface name \"\(name)\" cannot be written as an nftables rule; "
                    + "use letters, digits and -_.: in it, at most 15, and + at its end for any ending"
            )
        }
    }

    private static func quoted(_ name: String) -> String {
        name.hasSuffix("+") ? "\"\(name.dropLast())*\"" : "\"\(name)\""
    }

    /// Whether the interface's entry has a fact, by the interface alone.
    func match(_ fact: Facts) -> Match {
        let found = entries.filter { $0.facts.contains(fact) }
        if found.contains(where: \.expressions.isEmpty) { return .always }
        // Plain names go into one set.
        let plain = found.compactMap(\.plain)
        let others = found.filter { $0.plain == nil }.map { $0.expressions.joined(separator: " ") }
        if others.isEmpty && !plain.isEmpty {
            let set = SetText.of(plain)
            return .one("\(field) \(set)", not: "\(field) != \(set)")
        }
        return .oneOf((plain.isEmpty ? [] : ["\(field) \(SetText.of(plain))"]) + others)
    }

    /// Inbound: whether the destination is in the network of the virtual interface it came in by, or, of an interface
    /// without one, in the policy's included ranges.
    func included(_ ranges: Match) -> Match {
        let found = entries.filter { $0.facts.contains(.interfaceVirtual) }.compactMap { entry -> String? in
            let match: String? =
                if let network = entry.network {
                    network.bounds == CIDR.all(family).bounds
                        ? family.match : "\(family.word) daddr \(SetText.interval(network.bounds, family))"
                } else if case .one(let match, _) = ranges {
                    match
                } else {
                    ranges == .always ? family.match : nil
                }
            return match.map { ([$0] + entry.expressions).joined(separator: " ") }
        }
        return .oneOf(found)
    }
}

extension InterfaceFacts {
    /// Whether it matches every interface that the other one matches.
    fileprivate func covers(_ other: InterfaceFacts) -> Bool {
        guard name.hasSuffix("+") else { return name == other.name }
        return (other.name.hasSuffix("+") ? String(other.name.dropLast()) : other.name).hasPrefix(name.dropLast())
    }
}
