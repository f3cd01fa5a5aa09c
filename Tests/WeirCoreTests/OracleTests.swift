import Testing
import WeirCore

/// Both the reference evaluator and the compiled rules, against what iptables did.
@Suite struct OracleTests {
    @Test func decidesAsObserved() throws {
        let file = try OracleFile.load()
        var compared = 0
        var differences: [String] = []
        for entry in file.cases {
            let topology = OracleTopology(interfaces: entry.vifs)
            let policy = try PolicyCompiler.compile(entry.config.policy)
            let evaluator = Evaluator(entry.config.policy)
            for record in entry.attempts where record.artifact == nil && record.probe == nil {
                var pairs = [(try topology.attempt(record), record.outcome)]
                if let second = record.outcome.second {
                    pairs.append((try topology.attempt(record, second: true), second))
                }
                for (attempt, outcome) in pairs {
                    compared += 1
                    let decision = policy.decide(attempt)
                    let verdicts = [("evaluator", evaluator.verdict(attempt)), ("compiled", decision.verdict)]
                    for (who, verdict) in verdicts where !agrees(verdict, attempt, entry.config.policy, outcome) {
                        differences.append(
                            "\(entry.case) \(record.id): \(who) says \(verdict.map { $0.word } ?? "nothing") "
                                + "(\(decision.reason)), observed \(outcome.kind) \(outcome.port ?? 0): \(attempt)"
                        )
                    }
                }
            }
        }
        print("oracle: \(file.cases.count) cases, \(compared) attempts compared, \(differences.count) differences")
        for difference in differences.prefix(20) { Issue.record("\(difference)") }
        #expect(differences.isEmpty)
        // Fewer would mean that attempts are skipped that should not be.
        #expect(compared >= file.cases.count * 100)
    }

    private func agrees(
        _ verdict: Verdict?, _ attempt: Attempt, _ config: PolicySpecification, _ outcome: OracleFile.Outcome
    ) -> Bool {
        let port: UInt16? =
            switch verdict {
            case .outbound: config.outboundPort
            case .inbound: config.inboundPort
            case .dns: config.dnsPort
            case .direct: 0
            default: nil
            }
        guard let port else { return false }
        if port == 0 { return outcome.kind != "redirected" }
        // Redirected to where it was going anyway: nothing can tell.
        if outcome.kind == "direct" { return outcome.listener == "proxy" && attempt.port == port }
        return outcome.kind == "redirected" && outcome.port == port
    }
}
