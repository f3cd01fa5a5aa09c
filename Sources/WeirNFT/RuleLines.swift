import WeirCore

/// The policy's rules of one direction and transport, as lines of an nft chain. The first that fits decides, in both.
///
/// Each rule is written out for each family, because matches on addresses are of one family; where both come to the
/// same text it stands once.
struct RuleLines {
    private(set) var lines: [String] = []
    /// The families of which some packet may not be left alone.
    private(set) var captured: Set<Family> = []
    private var open: Set<Family> = [.ipv4, .ipv6]

    /// What happens to a packet of a family that a rule fits, in nft's words.
    typealias Statement = (Rule, Family) throws(InvalidValue) -> String

    private struct Written: Equatable {
        let line: Line
        let statement: String
    }

    init(
        _ policy: CompiledPolicy, _ ipv4: FactMatches, _ ipv6: FactMatches, statement: Statement
    ) throws(InvalidValue) {
        for rule in policy.rules(ipv4.direction) {
            let comment = SetText.comment(policy.sources[Int(rule.source)])
            let four = try write(rule, ipv4, statement)
            let six = try write(rule, ipv6, statement)
            if four == six {
                lines += four.map { Self.text($0, nil, comment) }
            } else {
                let both = open.count == 2
                lines += four.map { Self.text($0, both ? .ipv4 : nil, comment) }
                lines += six.map { Self.text($0, both ? .ipv6 : nil, comment) }
            }
            if four.contains(where: \.line.fitsAll) { open.remove(.ipv4) }
            if six.contains(where: \.line.fitsAll) { open.remove(.ipv6) }
        }
    }

    private mutating func write(
        _ rule: Rule, _ facts: FactMatches, _ statement: Statement
    ) throws(InvalidValue) -> [Written] {
        guard open.contains(facts.family) else { return [] }
        let fits = try Self.lines(rule, facts)
        guard !fits.isEmpty else { return [] }
        if rule.verdict != .direct { captured.insert(facts.family) }
        let text = try statement(rule, facts.family)
        return fits.map { Written(line: $0, statement: text) }
    }

    /// The ways in which a rule can fit; none: it cannot.
    private static func lines(_ rule: Rule, _ facts: FactMatches) throws(InvalidValue) -> [Line] {
        var lines = [Line()]
        for fact in rule.asked where !facts.isImplied(fact, by: rule) {
            switch (try facts.match(fact), rule.want.contains(fact)) {
            case (.always, true), (.never, false): continue
            case (.always, false), (.never, true): return []
            case (.one(let match, _), true), (.one(_, let match), false):
                lines = lines.map { $0.adding(match) }
            case (.any(let matches), true):
                lines = lines.flatMap { line in matches.map(line.adding) }
            case (.any(let matches), false):
                lines = lines.map { Line(matches: $0.matches, exceptions: $0.exceptions + matches) }
            }
        }
        return lines
    }

    private static func text(_ written: Written, _ family: Family?, _ comment: String) -> String {
        let line = written.line
        let bound = family.map { line.isBound(to: $0) ? [] : [$0.match] } ?? []
        let matches = (bound + line.matches).joined(separator: " ")
        let statement = "\(written.statement) comment \(comment)"
        if line.exceptions.isEmpty { return [matches, statement].filter { !$0.isEmpty }.joined(separator: " ") }
        let returns = line.exceptions.map { "\t\t\t\($0) return\n" }.joined()
        return "\(matches.isEmpty ? "" : matches + " ")jump {\n\(returns)\t\t\t\(statement)\n\t\t}"
    }
}

extension Line {
    fileprivate func adding(_ match: String) -> Line { Line(matches: matches + [match], exceptions: exceptions) }
}

extension Rule {
    /// The facts that it asks for, cheap ones first: the order of `enum weir_fact`.
    fileprivate var asked: [Facts] {
        (0..<UInt32(UInt32.bitWidth)).map { Facts(rawValue: 1 << $0) }.filter(care.isSuperset)
    }
}

extension FactMatches {
    /// Inbound, the range that counts is that of the virtual interface, so the test of it asks for the interface too.
    fileprivate func isImplied(_ fact: Facts, by rule: Rule) -> Bool {
        direction == .inbound && fact == .interfaceVirtual && rule.want.contains([.interfaceVirtual, .rangeIncluded])
    }
}
