import Testing
import WeirCore

import enum TestSupport.Growth

/// What one workload may take of what all share, and that a long list is no quadratic one.
@Suite(.serialized) struct PolicyLimitsTests {
    private static func refusal(_ change: (inout PolicySpecification) -> Void) -> String {
        var specification = Profile.kuma.defaults
        change(&specification)
        do {
            _ = try PolicyCompiler.compile(specification)
            return ""
        } catch {
            return error.sentence
        }
    }

    private static func entry(_ ports: [PortRange], _ users: ClosedRange<UInt32>) -> UserPorts {
        UserPorts(transports: [.tcp, .udp], ports: ports, users: users)
    }

    @Test func listsHaveALimit() {
        #expect(
            Self.refusal { $0.excludeInterfaces = (0...16_384).map { "eth\($0)" } }.contains(
                "16385 interfaces, and a policy has 16384 at most; shorten the list"))
        #expect(Self.refusal { $0.excludeInterfaces = (0..<16_384).map { "eth\($0)" } } == "")
        #expect(
            Self.refusal { specification in
                specification.outboundExcludeRanges = (0...131_072).map { CIDR(Address(ipv4: UInt32($0))) }
            }.contains("131073 ranges"))
        #expect(Self.refusal { $0.proxyUIDs = (1...20_000).map { $0 } }.contains("20000 users and groups"))
        let exclusions = (0...65_536).map { PortRange(UInt16($0 % 65_536)) }
        #expect(Self.refusal { $0.inboundExcludePorts = exclusions }.contains("65537 ports"))
    }

    /// A word of a dozen letters may come to millions of entries.
    @Test func userPortsCountAsTheMapHasThem() {
        let all = Self.entry([PortRange(1, 65_535)], 0...65_535)
        let words = "entries, one for each user, protocol and power of two of ports, and a policy has 65536 at most"
        #expect(Self.refusal { $0.outboundExcludePortsForUIDs = [all] }.contains(words))
        #expect(
            Self.refusal { $0.outboundExcludePortsForUIDs = [Self.entry([PortRange(22)], 0...40_000)] }.contains(words))
        // 10,000 ports of a user, of both protocols, and a range of 10,000 users fit.
        let ports = (1...10_000).map { Self.entry([PortRange(UInt16($0))], 1000...1000) }
        #expect(Self.refusal { $0.outboundExcludePortsForUIDs = ports } == "")
        #expect(Self.refusal { $0.outboundExcludePortsForUIDs = [Self.entry([PortRange(22)], 1...10_000)] } == "")
    }

    @Test func annotationsHaveALimit() throws {
        let error = #expect(throws: AnnotationError.self) {
            try Profile.istio.specification(annotations: ["a.io/b": String(repeating: "x", count: 300_000)])
        }
        #expect(
            error?.description
                == "annotations: they have 300006 bytes together, and Kubernetes takes 262144; shorten them")
        let names = Dictionary(uniqueKeysWithValues: (0..<15_000).map { ("n\($0)", "") })
        #expect(try Profile.istio.specification(annotations: names).outboundPort == 15001)
    }

    /// Names that are nearly those of the mesh's annotations, as many as a pod can have: each would be compared letter by
    /// letter with every one that there is.
    @Test func manyNamesCostLittleEach() throws {
        func names(_ count: Int) -> [String: String] {
            Dictionary(
                uniqueKeysWithValues: (0..<count).map { index in
                    let digits = String(1_000_000 + index, radix: 10).suffix(6)
                    return ("traffic.sidecar.istio.io/excludeOutb\(digits)s", "")
                })
        }
        let (small, large) = (names(450), names(4500))
        let growth = try Growth.tenfold("450 names nearly an annotation's") {
            _ = try Profile.istio.specification(annotations: small)
        } _: {
            _ = try Profile.istio.specification(annotations: large)
        }
        #expect(growth < 40)
    }

    /// The first entry counts, found by an index as by looking at each.
    @Test func interfacesAreFoundInOrder() {
        var random = SeededGenerator(seed: 9)
        let networks: [CIDR?] = [nil, CIDR(.loopback4), CIDR(.loopback6)]
        for _ in 0..<300 {
            let entries = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                InterfaceFacts(
                    name: random.pick(["eth0", "eth1", "eth+", "e+", "+", "eth0.1", "br0", "br+", "é+"]),
                    facts: random.pick([.interfaceExcluded, .interfaceVirtual]), network: random.pick(networks))
            }
            let index = InterfaceIndex(entries)
            for name in ["eth0", "eth1", "eth", "e", "br0", "br", "lo", "é0", ""] {
                for isIPv4 in [true, false] {
                    let first = entries.first { entry in
                        entry.matches(name) && (entry.network.map { $0.isIPv4 == isIPv4 } ?? true)
                    }
                    #expect(index.first(name, isIPv4: isIPv4) == first)
                }
            }
        }
    }

    @Test func prefixesAndRangesCoverThePorts() {
        var random = SeededGenerator(seed: 10)
        for _ in 0..<300 {
            let ranges = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                let first = UInt16.random(in: 0...65_535, using: &random)
                return PortRange(first, UInt16.random(in: first...65_535, using: &random))
            }
            #expect(PortRange.merged(ranges) == PortSet(ranges).ranges)
            for range in ranges {
                let covered = range.prefixes.map { prefix in
                    PortRange(prefix.port, prefix.port | UInt16(truncatingIfNeeded: 0xffff >> prefix.length))
                }
                #expect(PortRange.merged(covered) == [range] && range.prefixes.count <= 30)
            }
        }
    }
}
