import CWeirABI
import Testing
import WeirCore

/// What is written into the kernel's structs, byte for byte.
@Suite struct ABITests {
    @Test func fillsThePolicy() throws {
        var specification = Profile.istio.defaults
        specification.interceptionMode = .tproxy
        specification.dns = .all
        specification.outboundExcludePorts = [PortRange(8080)]
        specification.proxyAddress4 = try Address(parsing: "10.0.0.5")
        let policy = try PolicyCompiler.compile(specification)
        let memory = UnsafeMutablePointer<weir_policy>.allocate(capacity: 1)
        defer { memory.deallocate() }
        memset(memory, 0xaa)
        policy.write(into: memory)
        let written = memory.pointee
        #expect(written.flags == policy.flags && written.mark == 1337)
        #expect(written.port.1.byteSwapped == 15001 && written.port.2.byteSwapped == 15006)
        #expect(written.port.3.byteSwapped == 15053 && written.port.0 == 0 && written.port.4 == 0)
        #expect(written.tunnel_port.byteSwapped == 15008 && written.pad == 0)
        #expect(Int(written.rule_count.0) == policy.outboundRules.count)
        #expect(Int(written.rule_count.1) == policy.inboundRules.count)
        #expect(withUnsafeBytes(of: written.proxy4) { Array($0) } == policy.proxyAddress4.bytes)
        #expect(withUnsafeBytes(of: written.proxy6) { Array($0) } == Address.loopback6.bytes)
        #expect(withUnsafeBytes(of: written.dns4) { Array($0) } == [UInt8](repeating: 0, count: 16))
        let rules = withUnsafeBytes(of: written.rules) { Array($0.bindMemory(to: weir_rule.self)) }
        #expect(rules.count == 64)
        for (index, rule) in policy.outboundRules.enumerated() { #expect(isSame(rules[index], rule)) }
        for (index, rule) in policy.inboundRules.enumerated() { #expect(isSame(rules[32 + index], rule)) }
        #expect(rules[policy.outboundRules.count].care == 0 && rules[63].source == 0)
        let words = withUnsafeBytes(of: written.ports) { Array($0.bindMemory(to: UInt64.self)) }
        #expect(words == policy.excludedPorts.words + policy.includedPorts.words + policy.inboundPorts.words)
        #expect(words[8080 / 64] == 1 << (8080 % 64))
    }

    private func isSame(_ written: weir_rule, _ rule: Rule) -> Bool {
        written.care == rule.care.rawValue && written.want == rule.want.rawValue
            && written.verdict == rule.verdict.rawValue && written.reason == rule.reason.rawValue
            && written.source == rule.source
    }

    private func memset(_ memory: UnsafeMutablePointer<weir_policy>, _ byte: UInt8) {
        UnsafeMutableRawPointer(memory).initializeMemory(
            as: UInt8.self, repeating: byte, count: MemoryLayout<weir_policy>.size)
    }

    @Test func makesKeys() throws {
        let prefix = PrefixFacts(direction: .inbound, range: try CIDR(parsing: "10.0.0.0/8"), facts: .sourceListed)
        let key = prefix.key(policy: 7)
        #expect(key.length == 64 + 104 && key.policy == 7 && key.direction == 1)
        #expect(withUnsafeBytes(of: key.address) { Array($0) } == prefix.range.address.bytes)
        let owner = OwnerFacts(kind: .gid, id: 1337, facts: .proxyGID).key(policy: 7)
        #expect(owner.policy == 7 && owner.kind == WEIR_OWNER_GID.rawValue && owner.id == 1337)
    }
}
