/// Reads the words of one rule.
struct IPTablesRuleReader {
    private(set) var chain = ""
    private(set) var matches: [IPTablesMatch] = []
    private(set) var target = IPTablesRule.Target.proceed
    private(set) var markChange: IPTablesRule.MarkChange?
    private(set) var unknown: String?

    private var words: ArraySlice<String>
    private let isIPv6: Bool
    private var isNegated = false
    private var option = ""
    /// Whether it is the packet's mark that is set, and not the connection's.
    private var isMarking = false

    init(_ text: String, isIPv6: Bool) {
        words = Self.split(text)[...]
        self.isIPv6 = isIPv6
    }

    mutating func read() {
        while let word = words.popFirst() {
            if word == "!" {
                isNegated = true
                continue
            }
            option = word
            if !(readPlace() || readMatch() || readTarget()) { unknown = unknown ?? option }
            isNegated = false
        }
    }

    private mutating func readPlace() -> Bool {
        switch option {
        case "-A": chain = next()
        // The match's own options follow, and say more than its name.
        case "-m", "--comment", "--reject-with": _ = next()
        case "-s": add(range().map(IPTablesMatch.Condition.source))
        case "-d": add(range().map(IPTablesMatch.Condition.destination))
        case "-i": add(.input(next()))
        case "-o": add(.output(next()))
        case "-p":
            let name = next()
            if name != "all" {
                add(.transport(Transport.allCases.first { "\($0)" == name || "\($0.rawValue)" == name }))
            }
        default: return false
        }
        return true
    }

    private mutating func readMatch() -> Bool {
        switch option {
        case "--dport", "--dports": add(ports())
        case "--uid-owner": add(ids().map(IPTablesMatch.Condition.user))
        case "--gid-owner": add(ids().map(IPTablesMatch.Condition.group))
        case "--ctstate", "--state": add(.new(next().split(separator: ",").contains("NEW")))
        case "--syn": add(.new(true))
        case "--mark": add(mark())
        case "--dst-type":
            let type = next()
            add(type == "LOCAL" ? .destinationIsLocal : nil)
            if type != "LOCAL" { return false }
        case "--tcp-flags":
            // A first segment has SYN alone of these.
            let (mask, set) = (next(), next())
            add(mask.contains("SYN") || mask == "ALL" ? .new(set == "SYN") : nil)
        default: return false
        }
        return true
    }

    private mutating func readTarget() -> Bool {
        switch option {
        case "-j":
            let name = next()
            isMarking = name == "MARK"
            target = Self.target(name)
        case "-g": target = .goto(next())
        case "--to-ports", "--to-port", "--on-port": target = .redirect(UInt16(next()))
        case "--to-destination": target = .redirect(next().split(separator: ":").last.flatMap { UInt16($0) })
        // What becomes of a packet that goes on, or is answered, decides nothing here.
        case "--set-mark", "--set-xmark":
            guard case .mark(let value, let mask)? = mark() else { return false }
            guard isMarking else { break }
            markChange = IPTablesRule.MarkChange(value: value, mask: option == "--set-mark" ? mask | value : mask)
        case "--zone", "--zone-orig", "--tproxy-mark", "--on-ip", "--log-prefix",
            "--log-level", "--nflog-prefix", "--nflog-group", "--nfmask", "--ctmask":
            _ = next()
        case "--save-mark", "--restore-mark", "--random", "--random-fully", "--persistent": break
        default: return false
        }
        return true
    }

    private static func target(_ name: String) -> IPTablesRule.Target {
        switch name {
        case "ACCEPT": .accept
        case "DROP", "REJECT": .drop
        case "RETURN": .return
        case "REDIRECT", "TPROXY", "DNAT": .redirect(nil)
        case "MARK", "CONNMARK", "CT", "LOG", "NFLOG", "TRACE": .proceed
        default: .jump(name)
        }
    }

    private mutating func next() -> String { words.popFirst() ?? "" }

    /// Adds a condition; nil stands for one that is not understood.
    private mutating func add(_ condition: IPTablesMatch.Condition?) {
        guard let condition else {
            unknown = unknown ?? option
            return
        }
        matches.append(IPTablesMatch(isNegated: isNegated, condition: condition))
    }

    private mutating func range() -> CIDR? { try? CIDR(masking: next()) }

    private mutating func ports() -> IPTablesMatch.Condition? {
        let ranges = next().split(separator: ",").map { item -> PortRange? in
            let ends = item.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard let first = UInt16(ends[0]), let last = UInt16(ends[ends.count - 1]), first <= last else {
                return nil
            }
            return PortRange(first, last)
        }
        return ranges.contains(nil) ? nil : .ports(ranges.compactMap(\.self))
    }

    private mutating func ids() -> ClosedRange<UInt32>? {
        let ends = next().split(separator: "-").compactMap { UInt32($0) }
        guard let first = ends.first, let last = ends.last, first <= last else { return nil }
        return first...last
    }

    private mutating func mark() -> IPTablesMatch.Condition? {
        let parts = next().split(separator: "/").map { text in
            text.hasPrefix("0x") ? UInt32(text.dropFirst(2), radix: 16) : UInt32(text)
        }
        guard let mark = parts.first ?? nil else { return nil }
        return .mark(mark, mask: parts.count > 1 ? parts[1] ?? .max : .max)
    }

    /// Words are between spaces; quotes hold some together, and a backslash what follows it.
    static func split(_ text: String) -> [String] {
        var words: [String] = []
        var word: String?
        var isQuoted = false
        var isEscaped = false
        for character in text {
            switch character {
            case _ where isEscaped:
                word = (word ?? "") + String(character)
                isEscaped = false
            case "\\": isEscaped = true
            case "\"":
                isQuoted.toggle()
                word = word ?? ""
            case " " where !isQuoted:
                if let found = word { words.append(found) }
                word = nil
            default: word = (word ?? "") + String(character)
            }
        }
        return words + (word.map { [$0] } ?? [])
    }
}
