import CWeirABI
import Testing
import WeirCore

@testable import WeirBPF

/// Equal policies have equal digests, also in another process; all others differ.
@Suite struct DigestTests {
    private func digest(_ change: (inout PolicySpecification) throws -> Void = { _ in }) throws -> Digest {
        var specification = Profile.istio.defaults
        try change(&specification)
        let policy = try PolicyCompiler.compile(specification)
        let memory = UnsafeMutablePointer<weir_policy>.allocate(capacity: 1)
        defer { memory.deallocate() }
        // What was in the memory before must not matter.
        UnsafeMutableRawPointer(memory).initializeMemory(
            as: UInt8.self, repeating: .random(in: 0...255), count: MemoryLayout<weir_policy>.size)
        policy.write(into: memory)
        return Digest(policy, memory)
    }

    @Test func isStable() throws {
        let first = try digest()
        for _ in 0..<20 { #expect(try digest() == first) }
    }

    /// The order in which a user lists things is not part of what they mean.
    @Test func knowsNoOrder() throws {
        let ranges = try ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"].map { try CIDR(parsing: $0) }
        let first = try digest {
            $0.outboundExcludeRanges = ranges
            $0.outboundExcludePorts = [PortRange(80), PortRange(443)]
            $0.proxyUIDs = [1, 2]
        }
        let second = try digest {
            $0.outboundExcludeRanges = ranges.reversed()
            $0.outboundExcludePorts = [PortRange(443), PortRange(80)]
            $0.proxyUIDs = [1, 2]
        }
        #expect(first == second)
    }

    @Test func differs() throws {
        let all = [
            try digest(), try digest { $0.outboundPort = 15002 }, try digest { $0.proxyUIDs = [1338] },
            try digest { $0.proxyGIDs = [1338] }, try digest { $0.outboundExcludePorts = [PortRange(80)] },
            try digest { $0.outboundExcludePorts = [PortRange(81)] }, try digest { $0.ipv6 = false },
            try digest { $0.outboundExcludeRanges = [try CIDR(parsing: "10.0.0.0/8")] },
            try digest { $0.outboundExcludeRanges = [try CIDR(parsing: "10.0.0.0/9")] },
            try digest { $0.inboundExcludePorts = [PortRange(80)] }, try digest { $0.inboundEnabled = false },
            try digest { $0.originFromSocketName = true },
        ]
        #expect(Set(all).count == all.count)
    }

    /// Written down: a digest that changes means that every slot is filled anew by the next version, which is no fault,
    /// but should be known.
    @Test func isFNV() {
        var digest = Digest(value: 0)
        digest.value = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        #expect(digest == Digest(value: 144_066_263_297_769_815_596_495_629_667_062_367_629))
    }
}
