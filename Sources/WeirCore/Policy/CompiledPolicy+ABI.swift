public import CWeirABI

extension CompiledPolicy {
    /// `enum weir_policy_flag` bits.
    public var flags: UInt32 {
        var flags: UInt32 = 0
        if prefixes.contains(where: { $0.direction == .outbound }) {
            flags |= UInt32(WEIR_POLICY_PREFIXES_OUT.rawValue)
        }
        if prefixes.contains(where: { $0.direction == .inbound }) { flags |= UInt32(WEIR_POLICY_PREFIXES_IN.rawValue) }
        if !owners.isEmpty { flags |= UInt32(WEIR_POLICY_OWNERS.rawValue) }
        if proxyCgroup { flags |= UInt32(WEIR_POLICY_PROXY_CGROUP.rawValue) }
        if !interfaces.isEmpty { flags |= UInt32(WEIR_POLICY_INTERFACES.rawValue) }
        if !userPorts.isEmpty { flags |= UInt32(WEIR_POLICY_USER_PORTS.rawValue) }
        if interceptionMode == .tproxy { flags |= UInt32(WEIR_POLICY_TRANSPARENT.rawValue) }
        if originFromSocketName { flags |= UInt32(WEIR_POLICY_SOCKET_NAME.rawValue) }
        return flags
    }

    /// Fills the kernel's struct, every byte of it; what only the store knows (sources) is zero. Ports go in
    /// network order, as `weir/abi.h` has them.
    public func write(into policy: UnsafeMutablePointer<weir_policy>) {
        let memory = UnsafeMutableRawPointer(policy)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<weir_policy>.size)
        policy.pointee.flags = flags
        policy.pointee.mark = mark
        policy.pointee.tunnel_port = (tunnelPort ?? 0).bigEndian
        withUnsafeMutableBytes(of: &policy.pointee.port) { bytes in
            for verdict in Verdict.allCases {
                bytes.storeBytes(
                    of: (port(of: verdict) ?? 0).bigEndian, toByteOffset: Int(verdict.rawValue) * 2, as: UInt16.self)
            }
        }
        policy.pointee.rule_count = (UInt16(outboundRules.count), UInt16(inboundRules.count))
        withUnsafeMutableBytes(of: &policy.pointee.proxy4) { Self.write(proxyAddress4, $0) }
        withUnsafeMutableBytes(of: &policy.pointee.proxy6) { Self.write(proxyAddress6, $0) }
        if let address = dnsAddress4 { withUnsafeMutableBytes(of: &policy.pointee.dns4) { Self.write(address, $0) } }
        if let address = dnsAddress6 { withUnsafeMutableBytes(of: &policy.pointee.dns6) { Self.write(address, $0) } }
        writeTables(into: policy)
    }

    private func writeTables(into policy: UnsafeMutablePointer<weir_policy>) {
        withUnsafeMutableBytes(of: &policy.pointee.rules) { bytes in
            let half = bytes.count / Direction.allCases.count
            Self.write(outboundRules, UnsafeMutableRawBufferPointer(rebasing: bytes[..<half]))
            Self.write(inboundRules, UnsafeMutableRawBufferPointer(rebasing: bytes[half...]))
        }
        withUnsafeMutableBytes(of: &policy.pointee.ports) { bytes in
            for (index, set) in [excludedPorts, includedPorts, inboundPorts].enumerated() {
                let words = set.words
                words.withUnsafeBytes { source in
                    bytes[(index * source.count)..<((index + 1) * source.count)].copyBytes(from: source)
                }
            }
        }
    }

    private static func write(_ address: Address, _ bytes: UnsafeMutableRawBufferPointer) {
        if let start = bytes.baseAddress { address.write(to: start) }
    }

    private static func write(_ rules: [Rule], _ bytes: UnsafeMutableRawBufferPointer) {
        let target = bytes.bindMemory(to: weir_rule.self)
        for (index, rule) in rules.enumerated() {
            target[index] = weir_rule(
                care: rule.care.rawValue, want: rule.want.rawValue, verdict: rule.verdict.rawValue,
                reason: rule.reason.rawValue, source: rule.source)
        }
    }
}

extension PrefixFacts {
    /// The key in `weir_prefixes` for the policy in a slot.
    public func key(policy slot: UInt32) -> weir_prefix {
        var key = weir_prefix()
        key.length = UInt32(WEIR_PREFIX_BASE) + UInt32(range.length)
        key.policy = slot
        key.direction = UInt32(direction.rawValue)
        withUnsafeMutableBytes(of: &key.address) { bytes in
            if let start = bytes.baseAddress { range.address.write(to: start) }
        }
        return key
    }
}

extension OwnerFacts {
    /// The key in `weir_owners` for the policy in a slot.
    public func key(policy slot: UInt32) -> weir_owner {
        weir_owner(policy: slot, kind: kind.rawValue, id: id)
    }
}
