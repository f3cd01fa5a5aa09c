import enum TestSupport.Growth
import Testing
import WeirCore

@Suite(.serialized) struct CompilerSpeedTests {
    /// 10,000 ranges and 5,000 ports cost as much each as a tenth of them.
    @Test func compilesLargeListsFast() throws {
        let (small, large) = (Self.specification(ranges: 1000), Self.specification(ranges: 10_000))
        let growth = try Growth.tenfold("compiler, 1000 ranges and 500 ports") {
            _ = try PolicyCompiler.compile(small)
        } _: {
            _ = try PolicyCompiler.compile(large)
        }
        #expect(growth < 40)
    }

    /// Half as many ports.
    private static func specification(ranges count: Int) -> PolicySpecification {
        var random = SeededGenerator(seed: 5)
        var specification = Profile.istio.defaults
        let ranges = (0..<count).map { index in
            index % 4 == 0
                ? CIDR(containing: Address(high: random.next(), low: 0), length: Int.random(in: 8...64, using: &random))
                : CIDR(
                    containing: Address(ipv4: UInt32(truncatingIfNeeded: random.next())),
                    length: 96 + Int.random(in: 20...32, using: &random))
        }
        specification.outboundExcludeRanges = Array(ranges[..<(count / 2)])
        specification.outboundIncludeRanges = .listed(Array(ranges[(count / 2)...]))
        specification.outboundExcludePorts = (0..<(count / 2)).map { PortRange(UInt16($0 * 13 % 65536)) }
        return specification
    }

    /// The answers of a trie of 2,000 prefixes are those of the lists.
    @Test func largeListsDecideAsTheListsSay() throws {
        var random = SeededGenerator(seed: 6)
        var specification = Profile.osm.defaults
        specification.outboundExcludeRanges = (0..<1000).map { _ in
            CIDR(containing: Address(ipv4: UInt32.random(in: 0...0xffff, using: &random) << 16), length: 96 + 16)
        }
        specification.outboundIncludeRanges = .listed(
            (0..<1000).map { _ in
                CIDR(containing: Address(ipv4: UInt32.random(in: 0...0xff, using: &random) << 24), length: 96 + 8)
            })
        let policy = try PolicyCompiler.compile(specification)
        let evaluator = Evaluator(specification)
        for _ in 0..<300 {
            let address = Address(ipv4: UInt32(truncatingIfNeeded: random.next()))
            let attempt = Attempt(.outbound, to: address, port: 80, uid: 1000)
            #expect(policy.decide(attempt).verdict == evaluator.verdict(attempt))
        }
    }
}
