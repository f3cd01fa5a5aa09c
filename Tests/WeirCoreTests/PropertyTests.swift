import Testing
import WeirCore

/// The evaluator, written from the decision tables, against the compiled rules.
@Suite struct PropertyTests {
    /// 1,000 specifications, 100 attempts each.
    @Test func evaluatorAndCompiledRulesAgree() throws {
        var world = RandomPolicy(seed: 20_261_121)
        var verdicts: [Verdict: Int] = [:]
        var longest = 0
        for _ in 0..<1000 {
            let specification = world.specification()
            let policy = try PolicyCompiler.compile(specification)
            let evaluator = Evaluator(specification)
            longest = max(longest, policy.outboundRules.count, policy.inboundRules.count)
            for _ in 0..<100 {
                let attempt = world.attempt()
                let decision = policy.decide(attempt)
                let expected = evaluator.verdict(attempt)
                verdicts[decision.verdict, default: 0] += 1
                guard decision.verdict != expected else { continue }
                let said = "tables say \(expected.map { $0.word } ?? "nothing"), rules say \(decision)"
                Issue.record("\(said): \(attempt) under \(specification)")
                return
            }
        }
        print("property: 100000 attempts, \(verdicts), at most \(longest) rules")
        #expect(longest <= 32)
        for verdict in [Verdict.direct, .outbound, .inbound, .dns] { #expect(verdicts[verdict, default: 0] > 1000) }
    }
}
