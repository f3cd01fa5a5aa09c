import Testing
import WeirCore

@testable import WeirNFT

/// Holds the rulesets to `CompiledPolicy.decide`, which the kernel's decide() is held to as well.
@Suite struct DecisionTests {
    @Test(arguments: 0..<8)
    func `A random policy's ruleset decides as the policy does`(_ seed: UInt64) throws {
        var random = RandomPolicy(seed: seed)
        for _ in 0..<25 {
            var specification = random.specification()
            // Stands for no owner at all below.
            specification.proxyUIDs.removeAll { $0 == 888 }
            let policy = try PolicyCompiler.compile(specification)
            var options = Ruleset.Options()
            options.interceptionMode = specification.interceptionMode
            options.proxyCgroup = try Cgroup("/sys/fs/cgroup/proxy", root: "/sys/fs/cgroup")
            let ruleset = try Ruleset(policy, options)
            let script = Script(ruleset.text)
            for _ in 0..<150 {
                guard let attempt = Self.onTheWire(random.attempt()) else { continue }
                try Self.compare(policy, script, attempt, specification)
            }
        }
    }

    /// What the kernel makes of an attempt before a packet of it is seen; nil: there is no such packet.
    private static func onTheWire(_ attempt: Attempt) -> Attempt? {
        var attempt = attempt
        if attempt.destination == .any4 { attempt.destination = .loopback4 }
        if attempt.destination == .any6 { attempt.destination = .loopback6 }
        let unbound = attempt.destination.isIPv4 ? Address(ipv4: 0x0a01_0203) : Address(high: 1, low: 2)
        let source = attempt.source ?? unbound
        guard source.isIPv4 == attempt.destination.isIPv4 else { return nil }
        attempt.source = source
        // What the namespace sends itself leaves by lo and is not looked at when it comes in.
        if attempt.interface == nil || attempt.interface == "lo" { attempt.interface = "eth9" }
        if attempt.direction == .outbound && attempt.isLocal { attempt.interface = "lo" }
        return attempt
    }

    private static func compare(
        _ policy: CompiledPolicy, _ script: Script, _ attempt: Attempt, _ specification: PolicySpecification
    ) throws {
        var packet = Packet(
            transport: attempt.transport, source: attempt.source ?? .any4, destination: attempt.destination,
            port: attempt.port, interface: attempt.interface ?? "",
            // MPTCP subflows and sockets of the kernel have no file.
            owner: attempt.uid == 888 ? nil : (attempt.uid, attempt.gid), mark: attempt.mark,
            isOutbound: attempt.direction == .outbound, isByProxyCgroup: attempt.isByProxyCgroup)
        var decided = attempt
        if attempt.uid == 888 {
            decided.uid = .max
            decided.gid = .max
            if !policy.userPorts.allSatisfy({ !$0.users.contains(.max) }) { return }
        }
        let decision = policy.decide(decided)
        if packet.isOutbound, attempt.transport == .udp, let zones = script.chains["outbound_zones"] {
            _ = try packet.run(zones)
            #expect((packet.zone == 53) == (decision.verdict == .dns), "\(attempt) \(specification)")
        }
        let chain = script.chains["\(attempt.direction.word)_\(attempt.transport)"] ?? []
        let outcome = try packet.run(chain)
        let words = [attempt.direction.word, decision.verdict.word, decision.reason.word, "\(attempt.transport)"]
        if attempt.transport == .tcp || outcome.counter != nil {
            #expect(outcome.counter == words.joined(separator: "."), "\(attempt) \(specification)")
        } else {
            #expect(decision.verdict == .direct, "\(attempt) \(specification)")
        }
        let isMarked =
            decision.verdict == .inbound && specification.interceptionMode == .tproxy
            && policy.inboundRules.contains { $0.verdict == .inbound }
        let action = policy.port(of: decision.verdict).map { isMarked ? "mark 1338" : "redirect \($0)" } ?? "accept"
        #expect(outcome.action == action, "\(attempt) \(specification)")
    }
}
