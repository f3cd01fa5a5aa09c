/// Where a policy and somebody's iptables rules decide differently, found out by asking both.
public struct IPTablesComparison: Sendable {
    /// One sentence for each kind of difference, with an example.
    public let differences: [String]
    /// Rules that are not understood and would decide some attempt.
    public let unknown: [String]
    /// How many attempts were decided by both.
    public let count: Int
    /// Of what not all was tried, because it would take too long: a phrase each, such as "64 of 412 addresses".
    public let cuts: [String]

    /// - Parameters:
    ///   - own: the addresses of the namespace.
    ///   - name: what the rules are called in sentences.
    public init(_ policy: CompiledPolicy, _ rules: IPTables, own: [Address], name: String = "iptables") {
        let probes = IPTablesProbes(policy, rules, own: own)
        var unknown: Set<String> = []
        var found: [Kind: (first: Attempt, count: Int)] = [:]
        // Of very many rules, as many attempts as can be decided in seconds.
        let steps = max(1, rules.rules.count)
        let attempts = probes.attempts.prefix(max(100, 20_000_000 / steps))
        for attempt in attempts {
            let decision = policy.decide(attempt)
            let outcome = rules.decide(attempt)
            if case .unknown(let rule) = outcome { unknown.insert(rule.text) }
            guard outcome.differs(from: policy.port(of: decision.verdict), attempt) else { continue }
            let kind = Kind(direction: attempt.direction, transport: attempt.transport, ours: decision, theirs: outcome)
            found[kind, default: (attempt, 0)].count += 1
        }
        differences = found.map { Self.sentence($0, $1.first, more: $1.count - 1, policy, name) }.sorted()
        self.unknown = unknown.sorted()
        count = attempts.count
        let cut = "\(count) of \(probes.attempts.count) attempts"
        cuts = probes.cuts + (count < probes.attempts.count ? [cut] : [])
    }

    private struct Kind: Hashable {
        let direction: Direction
        let transport: Transport
        let ours: Decision
        let theirs: IPTables.Outcome
    }

    private static func sentence(
        _ kind: Kind, _ first: Attempt, more: Int, _ policy: CompiledPolicy, _ name: String
    ) -> String {
        let who = kind.direction == .outbound ? "uid \(first.uid) gid \(first.gid)" : "\(first.source ?? .any4)"
        let destination = Endpoint(address: first.destination, port: first.port)
        let port = policy.port(of: kind.ours.verdict).map { "to port \($0)" } ?? kind.ours.verdict.word
        return "\(kind.direction.word) \(kind.transport) from \(who) to \(destination): "
            + "Weir \(port) (\(kind.ours.reason.word), \(kind.ours.source)), \(name) \(kind.theirs)"
            + (more > 0 ? ", and \(more) like it" : "")
    }
}

extension IPTables.Outcome {
    /// - Parameter port: where the policy redirects to; nil: nowhere.
    fileprivate func differs(from port: UInt16?, _ attempt: Attempt) -> Bool {
        switch self {
        case .direct: port != nil
        case .redirected(let other, _): (other ?? attempt.port) != port
        case .dropped: true
        case .unknown: false
        }
    }
}

extension IPTables.Outcome: CustomStringConvertible {
    public var description: String {
        switch self {
        case .direct: "direct"
        case .redirected(let port, let rule): "to \(port.map { "port \($0)" } ?? "the same port") by \(rule.text)"
        case .dropped(let rule): "drops it by \(rule.text)"
        case .unknown(let rule): "may decide by \(rule.text)"
        }
    }
}
