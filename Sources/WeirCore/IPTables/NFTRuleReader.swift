/// Reads the words of one rule of nftables, as nft(8) prints it: as much of it as Istio's rules have.
struct NFTRuleReader {
    private(set) var matches: [IPTablesMatch] = []
    private(set) var target = IPTablesRule.Target.proceed
    private(set) var markChange: IPTablesRule.MarkChange?
    /// The first expression that is not understood. What the rule decides is then open where the others fit.
    private(set) var unknown: String?
    /// In a table of both families, a rule that looks at one is for that one alone.
    private(set) var isOfOtherFamily = false

    private var words: ArraySlice<String>
    private let isIPv6: Bool
    private var expression = ""

    init(_ text: String, isIPv6: Bool) {
        words = IPTablesRuleReader.split(text)[...]
        self.isIPv6 = isIPv6
    }

    mutating func read() {
        while let word = words.popFirst() {
            expression = word
            if !(readMatch() || readStatement() || readVerdict()) { unknown = unknown ?? expression }
        }
    }

    private mutating func readMatch() -> Bool {
        switch expression {
        case "meta": readMeta(next())
        case "iifname", "oifname", "skuid", "skgid", "l4proto", "mark", "nfproto": readMeta(expression)
        case "ip", "ip6": readAddress()
        case "tcp", "udp", "th": readPorts()
        case "ct": readTracking()
        default: return false
        }
        return true
    }

    private mutating func readMeta(_ key: String) {
        expression = key
        if words.first == "set" { return readSet(key) }
        let isNegated = negation()
        let values = values()
        switch key {
        case "iifname": add(values.only.map { .input(Self.interface($0)) }, isNegated)
        case "oifname": add(values.only.map { .output(Self.interface($0)) }, isNegated)
        case "skuid": add(values.only.flatMap(Self.ids).map { .user($0) }, isNegated)
        case "skgid": add(values.only.flatMap(Self.ids).map { .group($0) }, isNegated)
        case "mark": add(values.only.flatMap(Self.number).map { .mark($0, mask: .max) }, isNegated)
        case "nfproto": family(values.only, isNegated)
        case "l4proto":
            // Attempts have no other.
            if Set(values) == ["tcp", "udp"] { return }
            add(values.only.map { name in .transport(Transport.allCases.first { "\($0)" == name }) }, isNegated)
        default: unknown = unknown ?? key
        }
    }

    private mutating func readAddress() {
        isOfOtherFamily = isOfOtherFamily || (expression == "ip6") != isIPv6
        let field = next()
        let isNegated = negation()
        let range = values().only.flatMap { try? CIDR(masking: $0) }
        switch field {
        case "saddr": add(range.map { .source($0) }, isNegated)
        case "daddr": add(range.map { .destination($0) }, isNegated)
        default: unknown = unknown ?? "\(expression) \(field)"
        }
    }

    private mutating func readPorts() {
        if let transport = Transport.allCases.first(where: { "\($0)" == expression }) {
            add(.transport(transport), false)
        }
        let field = next()
        let isNegated = negation()
        let ranges = values().map { text -> PortRange? in
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last else { return nil }
            return PortRange(first, last)
        }
        guard field == "dport", !ranges.isEmpty, !ranges.contains(nil) else {
            unknown = unknown ?? "\(expression) \(field)"
            return
        }
        add(.ports(ranges.compactMap(\.self)), isNegated)
    }

    private mutating func readTracking() {
        let field = next()
        expression = "ct \(field)"
        if words.first == "set" { return readSet(expression) }
        let isNegated = negation()
        let values = values()
        switch field {
        case "state": add(.new(values.contains("new")), isNegated)
        case "mark": add(values.only.flatMap(Self.number).map { .mark($0, mask: .max) }, isNegated)
        default: unknown = unknown ?? expression
        }
    }

    /// What becomes of a packet that goes on decides nothing here.
    private mutating func readStatement() -> Bool {
        switch expression {
        case "counter":
            while ["packets", "bytes"].contains(words.first) { words = words.dropFirst(2) }
        case "comment": _ = next()
        case "log":
            while ["prefix", "level", "group"].contains(words.first) { words = words.dropFirst(2) }
        default: return false
        }
        return true
    }

    private mutating func readVerdict() -> Bool {
        switch expression {
        case "accept": decide(.accept)
        case "drop": decide(.drop)
        case "reject":
            decide(.drop)
            words = []
        case "return": decide(.return)
        case "continue": break
        case "jump": decide(.jump(next()))
        case "goto": decide(.goto(next()))
        case "redirect", "tproxy", "dnat":
            if let family = words.first, ["ip", "ip6"].contains(family) {
                isOfOtherFamily = isOfOtherFamily || (next() == "ip6") != isIPv6
            }
            guard words.first == "to" else { return decide(.redirect(nil)) }
            words = words.dropFirst()
            decide(.redirect(next().split(separator: ":").last.flatMap { UInt16($0) }))
        default: return false
        }
        return true
    }

    /// TPROXY is followed by a verdict, which changes nothing about it.
    @discardableResult
    private mutating func decide(_ target: IPTablesRule.Target) -> Bool {
        if case .redirect = self.target { return true }
        self.target = target
        return true
    }

    private mutating func family(_ name: String?, _ isNegated: Bool) {
        guard let name, ["ipv4", "ipv6"].contains(name) else {
            unknown = unknown ?? "nfproto"
            return
        }
        isOfOtherFamily = isOfOtherFamily || ((name == "ipv6") == isIPv6) == isNegated
    }

    /// "meta mark set 0x539", "meta mark set ct mark", "ct mark set meta mark", "ct zone set 1". A new connection has no
    /// mark of its own that a packet could get.
    private mutating func readSet(_ key: String) {
        words = words.dropFirst()
        let value = next()
        if ["meta", "ct"].contains(value) {
            words = words.dropFirst()
        } else if key == "mark" {
            guard let mark = Self.number(value), !["&", "|", "^"].contains(words.first) else {
                unknown = unknown ?? "mark set"
                return
            }
            markChange = IPTablesRule.MarkChange(value: mark, mask: .max)
        }
    }

    private mutating func negation() -> Bool {
        guard let word = words.first, ["!=", "=="].contains(word) else { return false }
        words = words.dropFirst()
        return word == "!="
    }

    /// One, several with commas, or a set in braces.
    private mutating func values() -> [String] {
        guard words.first == "{" else { return next().split(separator: ",").map(String.init) }
        words = words.dropFirst()
        var found: [String] = []
        while let word = words.popFirst(), word != "}" { found += word.split(separator: ",").map(String.init) }
        return found
    }

    private mutating func next() -> String { words.popFirst() ?? "" }

    /// Adds a condition; nil stands for one that is not understood.
    private mutating func add(_ condition: IPTablesMatch.Condition?, _ isNegated: Bool) {
        guard let condition else {
            unknown = unknown ?? expression
            return
        }
        matches.append(IPTablesMatch(isNegated: isNegated, condition: condition))
    }

    /// With the ending that iptables has for "any".
    private static func interface(_ name: String) -> String {
        name.last == "*" ? "\(name.dropLast())+" : name
    }

    private static func ids(_ text: String) -> ClosedRange<UInt32>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt32($0) }
        guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last else { return nil }
        return first...last
    }

    private static func number(_ text: String) -> UInt32? {
        text.hasPrefix("0x") ? UInt32(text.dropFirst(2), radix: 16) : UInt32(text)
    }
}

extension [String] {
    /// The element of a list that has no other.
    fileprivate var only: String? { count == 1 ? first : nil }
}
