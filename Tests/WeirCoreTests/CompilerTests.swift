import CWeirABI
import Testing
import WeirCore

@Suite struct CompilerTests {
    private func istio() -> PolicySpecification { Profile.istio.defaults }

    private func range(_ text: String) throws -> CIDR { try CIDR(parsing: text) }

    @Test func prefixesHoldTheUnionOfAllThatCoverThem() throws {
        var specification = istio()
        specification.outboundExcludeRanges = try ["10.0.0.0/8", "10.1.2.0/24", "::/0"].map(range)
        specification.outboundIncludeRanges = .listed(try ["0.0.0.0/0", "10.1.0.0/16", "fd00::/8"].map(range))
        let prefixes = try PolicyCompiler.compile(specification).prefixes.map { "\($0.range) \($0.facts)" }
        #expect(
            prefixes == [
                "::/0 range_excluded", "::/128 loopback_range range_excluded", "::1/128 loopback_range range_excluded",
                "fd00::/8 range_excluded range_included",
                "0.0.0.0/0 range_included", "0.0.0.0/32 loopback_range range_included",
                "10.0.0.0/8 range_excluded range_included", "127.0.0.1/32 loopback_range range_included",
            ])
    }

    @Test func anIPv6RangeDoesNotAnswerForIPv4() throws {
        var specification = istio()
        specification.outboundExcludeRanges = [try range("::/0")]
        let policy = try PolicyCompiler.compile(specification)
        #expect(policy.prefixes.contains(PrefixFacts(direction: .outbound, range: try range("0.0.0.0/0"), facts: [])))
        let attempt = Attempt(.outbound, to: try Address(parsing: "9.9.9.9"), port: 80, uid: 1000, gid: 1000)
        #expect(policy.decide(attempt).verdict == .outbound)
    }

    @Test func citesTheAnnotationThatDecides() throws {
        let specification = try Profile.istio.specification(
            annotations: ["traffic.sidecar.istio.io/excludeOutboundPorts": "8080"])
        let policy = try PolicyCompiler.compile(specification)
        let address = try Address(parsing: "9.9.9.9")
        let excluded = policy.decide(Attempt(.outbound, to: address, port: 8080, uid: 1000, gid: 1000))
        #expect(excluded.reason == .excludedPort)
        #expect(excluded.source == "traffic.sidecar.istio.io/excludeOutboundPorts")
        let captured = policy.decide(Attempt(.outbound, to: address, port: 80, uid: 1000, gid: 1000))
        #expect(captured.verdict == .outbound && captured.source == "profile istio")
    }

    @Test func everyTableEndsInARuleForAll() throws {
        var world = RandomPolicy(seed: 3)
        for _ in 0..<200 {
            let policy = try PolicyCompiler.compile(world.specification())
            for direction in Direction.allCases {
                let rules = policy.rules(direction)
                #expect(rules.last?.care == [] && rules.dropLast().allSatisfy { $0.care != [] })
                #expect(rules.allSatisfy { $0.care.isSuperset(of: $0.want) && Int($0.source) < policy.sources.count })
            }
        }
    }

    @Test func keepsNothingThatNoRuleAsksFor() throws {
        let policy = try PolicyCompiler.compile(Profile.linkerd.defaults)
        #expect(policy.prefixes.isEmpty && policy.includedPorts.isEmpty && policy.tunnelPort == nil && policy.mark == 0)
        #expect(policy.flags == UInt32(WEIR_POLICY_OWNERS.rawValue))
    }

    @Test func equalSpecificationsShareAPolicy() throws {
        var one = istio()
        one.outboundExcludePorts = [PortRange(80), PortRange(81)]
        one.outboundExcludeRanges = try ["10.0.0.0/8", "10.1.0.0/16"].map(range)
        var other = istio()
        other.outboundExcludePorts = [PortRange(80, 81)]
        other.outboundExcludeRanges = try ["10.0.0.0/8"].map(range)
        #expect(try PolicyCompiler.compile(one) == PolicyCompiler.compile(other))
    }

    @Test func refusesDNSWithoutAPort() {
        var specification = Profile.linkerd.defaults
        specification.dns = .all
        specification.origins[.dns] = "dns"
        #expect(
            throws: InvalidValue("dns: DNS is to be captured, but the proxy has no DNS port; set one, or turn dns off")
        ) { try PolicyCompiler.compile(specification) }
    }

    @Test func refusesATableThatIsTooLong() {
        let rows = (0..<40).map { _ in RuleTemplate(.direct, .rule, if: .udp) } + [RuleTemplate(.direct, .rule)]
        let long = Dialect(name: "long", outbound: rows, inbound: rows, listedPortsBeatExclusions: false)
        #expect(
            throws: InvalidValue(
                "the outbound table of the long dialect has 41 rules, and the kernel takes 32; shorten it")
        ) { try PolicyCompiler.compile(PolicySpecification(dialect: long)) }
        let open = Dialect(name: "open", outbound: [], inbound: [], listedPortsBeatExclusions: false)
        #expect(throws: InvalidValue.self) { try PolicyCompiler.compile(PolicySpecification(dialect: open)) }
    }
}
