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
        var earlier = EarlierNames()
        for entry in interfaces where entry.network.map({ $0.isIPv4 == (family == .ipv4) }) ?? true {
            try Self.check(entry.name)
            guard !earlier.cover(entry) else { continue }
            let others = Self.exceptions(earlier.coveredBy(entry), field)
            let own = entry.name == "+" ? [] : ["\(field) \(Self.quoted(entry.name))"]
            let isPlain = others.isEmpty && !entry.name.hasSuffix("+")
            entries.append(
                Entry(
                    facts: entry.facts, network: entry.network, expressions: own + others,
                    plain: isPlain ? Self.quoted(entry.name) : nil))
            earlier.add(entry)
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

    /// Of names with a trailing `+` each stands alone: an interface's name is no interval.
    private static func exceptions(_ others: [InterfaceFacts], _ field: String) -> [String] {
        let plain = others.filter { $0.beginning == nil }.map { quoted($0.name) }
        return others.filter { $0.beginning != nil }.map { "\(field) != \(quoted($0.name))" }
            + (plain.isEmpty ? [] : ["\(field) != \(SetText.of(plain))"])
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

/// The entries before one, by how their names begin.
private struct EarlierNames {
    private var names: Set<[UInt8]> = []
    /// What stands before a trailing `+`.
    private var beginnings: Set<[UInt8]> = []
    /// Every entry, under each beginning of its name.
    private var below: [[UInt8]: [InterfaceFacts]] = [:]

    mutating func add(_ entry: InterfaceFacts) {
        let name = entry.beginning ?? Array(entry.name.utf8)
        if entry.beginning == nil { names.insert(name) } else { beginnings.insert(name) }
        for length in 0...name.count { below[Array(name.prefix(length)), default: []].append(entry) }
    }

    /// Whether one of them matches every interface that this one matches.
    func cover(_ entry: InterfaceFacts) -> Bool {
        let name = entry.beginning ?? Array(entry.name.utf8)
        if entry.beginning == nil && names.contains(name) { return true }
        return (0...name.count).contains { beginnings.contains(Array(name.prefix($0))) }
    }

    /// Those that this one matches, too, and that say something else of them.
    func coveredBy(_ entry: InterfaceFacts) -> [InterfaceFacts] {
        guard let beginning = entry.beginning else { return [] }
        return (below[beginning] ?? []).filter { $0.facts != entry.facts || $0.network != entry.network }
    }
}
