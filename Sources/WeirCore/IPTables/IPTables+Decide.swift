extension IPTables {
    /// What becomes of a new connection.
    public enum Outcome: Hashable, Sendable {
        case direct
        /// To this port; nil: that of another address.
        case redirected(UInt16?, by: IPTablesRule)
        case dropped(by: IPTablesRule)
        /// A rule that is not understood may decide.
        case unknown(IPTablesRule)
    }

    /// Walks the tables in the order of the hooks: mangle before nat; a connection of the namespace with itself comes
    /// in again by lo, where mangle sees it once more. Other tables redirect nothing.
    public func decide(_ attempt: Attempt) -> Outcome {
        guard attempt.destination.isIPv4 != isIPv6 else { return .direct }
        let output = attempt.isLocal ? "lo" : attempt.interface
        var attempt = attempt
        switch attempt.direction {
        case .inbound:
            return walk(["mangle", "nat"], "PREROUTING", &attempt, input: attempt.interface, output: nil)
        case .outbound:
            let out = walk(["mangle", "nat"], "OUTPUT", &attempt, input: nil, output: output)
            guard out == .direct, attempt.isLocal else { return out }
            return walk(["mangle"], "PREROUTING", &attempt, input: "lo", output: nil)
        }
    }

    /// - Parameter attempt: gets the packet's mark, which stays with it.
    private func walk(
        _ names: [String], _ chain: String, _ attempt: inout Attempt, input: String?, output: String?
    ) -> Outcome {
        for name in names {
            guard let chains = tables[name] else { continue }
            var walk = Walk(chains: chains, attempt: attempt, input: input, output: output)
            let outcome = walk.run(chain, depth: 0)
            attempt.mark = walk.attempt.mark
            if let outcome, outcome != .direct { return outcome }
        }
        return .direct
    }
}

/// One packet's way through the chains of a table.
private struct Walk {
    let chains: [String: [IPTablesRule]]
    private(set) var attempt: Attempt
    let input: String?
    let output: String?
    /// Chains that each jump to the next one twice double the way with every one of them.
    private var stepsLeft = 200_000

    init(chains: [String: [IPTablesRule]], attempt: Attempt, input: String?, output: String?) {
        (self.chains, self.attempt, self.input, self.output) = (chains, attempt, input, output)
    }

    /// - Returns: nil, when the chain ends without a decision.
    mutating func run(_ chain: String, depth: Int) -> IPTables.Outcome? {
        // The kernel takes no rules that go in circles.
        guard depth < 32 else { return nil }
        for rule in chains[chain] ?? [] {
            stepsLeft -= 1
            guard stepsLeft > 0 else { return .unknown(rule) }
            guard rule.matches.allSatisfy({ $0.fits(attempt, input: input, output: output) }) else { continue }
            if rule.unknown != nil { return .unknown(rule) }
            if let change = rule.markChange { attempt.mark = attempt.mark & ~change.mask ^ change.value }
            switch rule.target {
            case .accept: return .direct
            case .drop: return .dropped(by: rule)
            case .redirect(let port): return .redirected(port, by: rule)
            case .return: return nil
            case .goto(let next): return run(next, depth: depth + 1)
            case .jump(let next):
                guard chains[next] != nil else { return .unknown(rule) }
                if let outcome = run(next, depth: depth + 1) { return outcome }
            case .proceed: break
            }
        }
        return nil
    }
}
