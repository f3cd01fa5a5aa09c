import CWeirABI
import CWeirBPF
import Glibc

/// What a slot of `weir_policies` has: `enum weir_slot_state`.
enum SlotContent: Equatable {
    case empty, spare, changing
    case filled(Digest)
}

/// Where a policy's proxy takes what the workload sends, in host order.
public struct ProxyPorts: Sendable {
    public let outbound: UInt16?
    public let dns: UInt16?

    public init(outbound: UInt16?, dns: UInt16?) {
        (self.outbound, self.dns) = (outbound, dns)
    }
}

/// `weir_policies`: each slot holds a map of one policy.
extension Maps {
    /// Makes the map of a policy.
    /// - Parameter policy: nil: one to be filled later.
    /// - Returns: its descriptor, the caller's to close.
    static func newPolicy(_ policy: UnsafeMutablePointer<weir_policy>?) throws(BPFError) -> Int32 {
        let raw = try check(
            bpf_map_create(
                BPF_MAP_TYPE_ARRAY, "weir_policy", UInt32(MemoryLayout<UInt32>.size),
                UInt32(MemoryLayout<weir_policy>.size), 1, nil), "make", "the map of a policy")
        guard let policy else { return raw }
        var zero: UInt32 = 0
        let error = bpf_map_update_elem(raw, &zero, policy, 0)
        if error < 0 {
            close(raw)
            throw BPFError(code: -error, operation: "write", subject: "a policy")
        }
        return raw
    }

    /// Puts maps of policies into their slots, which hold them from then on. The kernel waits once for all programs that
    /// run (maybe_wait_bpf_programs).
    func putPolicies(_ filled: [(slot: UInt32, inner: Int32)]) throws(BPFError) {
        var keys = filled.map(\.slot)
        var values = filled.map(\.inner)
        var count = UInt32(filled.count)
        if count < 2 || bpf_map_update_batch(policies.raw, &keys, &values, &count, nil) < 0 {
            // One alone, or a kernel without batches for maps of maps.
            for one in filled { try policies.set(one.slot, to: one.inner) }
        }
    }

    /// Fills the map that is in a slot, which no workload may point to.
    func fillPolicy(in spare: SpareSlots.Spare, with policy: UnsafeMutablePointer<weir_policy>) throws(BPFError) {
        if let inner = spare.inner { return try fill(inner, with: policy) }
        guard let inner = try openPolicy(in: spare.slot) else {
            throw BPFError(code: ENOENT, operation: "write", subject: "a policy: its slot is empty")
        }
        try fill(inner.raw, with: policy)
    }

    /// The map that is in a slot, without what it had.
    /// - Returns: a descriptor, the caller's to close; nil for an empty slot.
    func emptiedPolicy(in slot: UInt32) throws(BPFError) -> Int32? {
        guard let inner = try openPolicy(in: slot) else { return nil }
        let nothing = Boxed<weir_policy>()
        memset(nothing.memory, 0, MemoryLayout<weir_policy>.size)
        try fill(inner.raw, with: nothing.memory)
        let own = fcntl(inner.raw, F_DUPFD_CLOEXEC, 0)
        if own < 0 { throw BPFError(code: errno, operation: "duplicate", subject: "the descriptor of a policy") }
        return own
    }

    private func fill(_ inner: Int32, with policy: UnsafeMutablePointer<weir_policy>) throws(BPFError) {
        var zero: UInt32 = 0
        try check(bpf_map_update_elem(inner, &zero, policy, 0), "write", "a policy")
    }

    /// A copy of the policy in a slot; nil for an empty one.
    func policy(in slot: UInt32) throws(BPFError) -> Boxed<weir_policy>? {
        guard let inner = try openPolicy(in: slot) else { return nil }
        let copy = Boxed<weir_policy>()
        var zero: UInt32 = 0
        try check(bpf_map_lookup_elem(inner.raw, &zero, copy.memory), "read", "a policy")
        return copy
    }

    /// What is in a slot. This waits for nothing.
    func content(of slot: UInt32) throws(BPFError) -> SlotContent {
        guard let written: weir_slot = try slots.value(of: slot) else { return .empty }
        switch weir_slot_state(written.state) {
        case WEIR_SLOT_EMPTY: return .empty
        case WEIR_SLOT_SPARE: return .spare
        case WEIR_SLOT_FILLED:
            return withUnsafeBytes(of: written.digest) { bytes in
                .filled(Digest(value: UInt128(bigEndian: bytes.loadUnaligned(as: UInt128.self))))
            }
        default: return .changing
        }
    }

    func note(_ content: SlotContent, of slot: UInt32) throws(BPFError) {
        var written = weir_slot()
        switch content {
        case .empty: written.state = WEIR_SLOT_EMPTY.rawValue
        case .spare: written.state = WEIR_SLOT_SPARE.rawValue
        case .changing: written.state = WEIR_SLOT_CHANGING.rawValue
        case .filled(let digest):
            written.state = WEIR_SLOT_FILLED.rawValue
            withUnsafeBytes(of: digest.value.bigEndian) { source in
                withUnsafeMutableBytes(of: &written.digest) { $0.copyMemory(from: source) }
            }
        }
        try slots.set(slot, to: written)
    }

    /// The names that a policy's rules cite.
    public func sources(of slot: UInt32) throws(BPFError) -> [String] {
        guard let policy = try policy(in: slot) else { return [] }
        let size = Int(WEIR_SOURCE_SIZE)
        return withUnsafeBytes(of: &policy.memory.pointee.sources) { bytes in
            stride(from: 0, to: bytes.count, by: size).map { start in
                String(decoding: bytes[start..<(start + size)].prefix { $0 != 0 }, as: UTF8.self)
            }.filter { !$0.isEmpty }
        }
    }

    /// Nil for an empty slot.
    public func proxyPorts(of slot: UInt32) throws(BPFError) -> ProxyPorts? {
        guard let policy = try policy(in: slot) else { return nil }
        return withUnsafeBytes(of: &policy.memory.pointee.port) { bytes in
            let ports = bytes.bindMemory(to: UInt16.self).map { UInt16(bigEndian: $0) }
            let (outbound, dns) = (ports[Int(WEIR_VERDICT_OUTBOUND.rawValue)], ports[Int(WEIR_VERDICT_DNS.rawValue)])
            return ProxyPorts(outbound: outbound == 0 ? nil : outbound, dns: dns == 0 ? nil : dns)
        }
    }

    private func openPolicy(in slot: UInt32) throws(BPFError) -> Descriptor? {
        guard let id: UInt32 = try policies.value(of: slot) else { return nil }
        return Descriptor(owning: try check(bpf_map_get_fd_by_id(id), "open", "the map of a policy"))
    }
}
