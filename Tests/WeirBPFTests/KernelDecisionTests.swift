import CWeirABI
import Foundation
import TestSupport
import Testing
import WeirCore

@testable import WeirBPF

/// The kernel's decide(), run as `weir explain` runs it, against the interpreter of compiled policies, which other
/// tests hold against the decision tables.
@Suite(.serialized, .enabled(if: geteuid() == 0, "programs are root's to load"))
struct KernelDecisionTests {
    /// No namespace has it: cookies count up from 1.
    private static let cookie: UInt64 = 0xffff_0000_0000_0001
    private static let interfaces = RandomPolicy.interfaces.enumerated().map { ($0.element, UInt32($0.offset + 1)) }

    /// 500 policies, 200 attempts each.
    @Test func kernelAndCompiledRulesAgree() throws {
        // Other tests compare what is on the machine with what was.
        let lock = MachineLock(.shared)
        defer { withExtendedLifetime(lock) {} }
        let pins = PinDirectory(path: "/sys/fs/bpf/weir-test-\(getpid())-decide")
        defer { Interceptor.uninstall(pins) }
        let interceptor = try Interceptor.install(pins)
        let table = try WorkloadTable(interceptor)
        var world = RandomPolicy(seed: 20_261_122)
        var verdicts: [Verdict: Int] = [:]
        for round in 0..<500 {
            let policy = try PolicyCompiler.compile(world.specification())
            let slot = try table.policies.place(policy)
            try InterfaceTable.write(
                Self.interfaces.map { (name: $0.0, index: $0.1) }, cookie: Self.cookie, policy: policy, slot: slot,
                interceptor.maps)
            try table.register(.netns(Self.cookie), name: "property", policy: policy, whenProxyDown: WEIR_DOWN_REFUSE)
            if round % 20 == 0 { try table.releaseUnused() }
            for _ in 0..<200 {
                var attempt = world.attempt()
                // Every packet has a source; only a socket may have none yet.
                if attempt.direction == .inbound && attempt.source == nil { attempt.source = attempt.destination }
                let expected = policy.decide(attempt)
                let answer = try Self.ask(attempt, policy, interceptor)
                verdicts[expected.verdict, default: 0] += 1
                let isSame =
                    answer.verdict == expected.verdict.rawValue && answer.reason == expected.reason.rawValue
                    && Int(answer.rule) == expected.rule
                guard !isSame else { continue }
                Issue.record(
                    """
                    the kernel says \(Reason(rawValue: answer.reason).word) by rule \(answer.rule), \
                    facts \(Facts(rawValue: answer.facts)); the rules say \(expected), \
                    facts \(policy.facts(of: attempt)): \(attempt)
                    """)
                return
            }
        }
        print("observed: 100000 attempts, \(verdicts)")
        for verdict in [Verdict.direct, .outbound, .inbound, .dns] { #expect(verdicts[verdict, default: 0] > 1000) }
    }

    private static func ask(
        _ attempt: WeirCore.Attempt, _ policy: CompiledPolicy, _ interceptor: Interceptor
    ) throws -> weir_attempt {
        let index = interfaces.first { $0.0 == attempt.interface }?.1 ?? 0
        var route = weir_route()
        route.interface = index
        route.flags = attempt.isLocal ? UInt32(WEIR_ROUTE_LOCAL.rawValue) : 0
        var key = weir_destination()
        key.length = UInt32(WEIR_DESTINATION_BASE) + 128
        key.netns_high = UInt32(truncatingIfNeeded: cookie >> 32)
        key.netns_low = UInt32(truncatingIfNeeded: cookie)
        attempt.destination.store(in: &key.address)
        try interceptor.maps.routes.set(key, to: route)

        var question = weir_attempt()
        question.netns = cookie
        question.uid = attempt.uid
        question.gid = attempt.gid
        question.mark = attempt.mark
        question.interface = index
        question.direction = attempt.direction.rawValue
        question.protocol = attempt.transport.rawValue
        question.by_proxy_cgroup = attempt.isByProxyCgroup && policy.proxyCgroup ? 1 : 0
        attempt.source?.store(in: &question.source)
        attempt.destination.store(in: &question.destination)
        question.destination_port = attempt.port.bigEndian
        return try interceptor.explain(question)
    }
}
