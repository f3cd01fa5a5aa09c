/// A ruleset's script with its interval sets taken out, to be made in a transaction before it.
///
/// A set that comes with the rule that asks it can miss what is in it for a moment: before Linux 7.0 its tree holds
/// elements of both generations while a transaction commits, and from then on the array that packets search is made
/// after the rules are in force (net/netfilter/nft_set_rbtree.c). A connection of that moment would be decided by half
/// a policy. Named sets that are complete before any rule asks them, and go after the last one, are never seen half.
struct StagedScript {
    /// Definitions by name. A name is made of the contents, so a set of two policies is one and the same.
    private(set) var sets: [String: String] = [:]
    private(set) var rules = ""

    private static let types = [
        ("meta skuid . th dport", "uid . inet_service"), ("th dport", "inet_service"), ("meta skuid", "uid"),
        ("meta skgid", "gid"), ("ip daddr", "ipv4_addr"), ("ip saddr", "ipv4_addr"), ("ip6 daddr", "ipv6_addr"),
        ("ip6 saddr", "ipv6_addr"),
    ]

    /// - Parameter taken: names that the sets may not have.
    init(_ ruleset: Ruleset, avoiding taken: Set<String> = []) {
        var rest = ruleset.text[...]
        while let open = rest.firstIndex(of: "{") {
            let before = rest[..<open]
            let body = rest[rest.index(after: open)...]
            guard let type = Self.type(of: before), let close = body.firstIndex(of: "}"),
                body[..<close].contains(where: { $0 == "-" || $0 == "/" })
            else {
                rules += rest[...open]
                rest = body
                continue
            }
            let elements = body[..<close].split(whereSeparator: \.isWhitespace).joined(separator: " ")
            let name = Self.name("interval_\(Self.digest("\(type): \(elements)"))", taken)
            let content = "type \(type); flags interval; elements = { \(elements) };"
            sets[name] = "set inet \(ruleset.table) \(name) { \(content) }"
            rules += before + "@\(name)"
            rest = body[body.index(after: close)...]
        }
        rules += rest
    }

    /// The type of the set that an expression is about to open, nil for any other brace.
    private static func type(of text: Substring) -> String? {
        var text = text.dropLast(while: { $0 == " " })
        if text.hasSuffix(" !=") { text = text.dropLast(3) }
        return types.first { text.hasSuffix($0.0) }?.1
    }

    private static func name(_ name: String, _ taken: Set<String>) -> String {
        var (free, number) = (name, 2)
        while taken.contains(free) { (free, number) = ("\(name)_\(number)", number + 1) }
        return free
    }

    /// FNV-1a, 64 bits, in hexadecimal.
    private static func digest(_ text: String) -> String {
        let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
        return String(hash, radix: 16)
    }
}

extension Substring {
    fileprivate func dropLast(while isDropped: (Character) -> Bool) -> Substring {
        var text = self
        while let last = text.last, isDropped(last) { text = text.dropLast() }
        return text
    }
}
