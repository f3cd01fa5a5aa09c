import CWeirABI
import CWeirBPF
import Glibc
public import WeirCore

/// The compiled policies in the kernel. Equal ones share a slot; a slot's content never changes while it is in use.
public final class PolicyStore {
    private let maps: Maps
    /// Slots in use, by the digest of what they hold. What an earlier process left is found again.
    private var slots: [Digest: UInt32] = [:]
    private let spares: SpareSlots
    private let retired: RetiredSlots
    /// What this process has put into them, which says what there is to remove.
    private var policies: [UInt32: CompiledPolicy] = [:]

    public init(_ maps: Maps) throws(BPFError) {
        self.maps = maps
        var (found, spare, unfinished): ([Digest: UInt32], Set<UInt32>, Set<UInt32>) = ([:], [], [])
        for slot in 0..<UInt32(WEIR_MAX_POLICIES) {
            switch try maps.content(of: slot) {
            case .empty: continue
            case .spare: spare.insert(slot)
            case .changing: unfinished.insert(slot)
            case .filled(let digest): found[digest] = slot
            }
        }
        slots = found
        spares = SpareSlots(maps, ready: spare)
        retired = RetiredSlots(maps, spares)
        // A process was killed; no workload points to them yet, or any more.
        if !unfinished.isEmpty { try retired.removeNow(unfinished) }
        spares.makeGood(from: freeSlots)
    }

    /// The slot that holds this policy, filled before the call returns.
    public func place(_ policy: CompiledPolicy) throws(BPFError) -> UInt32 {
        try place([policy])[0]
    }

    /// What this process has put into a slot, which is one copy for all that have it.
    public func policy(in slot: UInt32) -> CompiledPolicy? { policies[slot] }

    /// The same for many: what finds no spare slot waits, and a batch waits once.
    public func place(_ policies: [CompiledPolicy]) throws(BPFError) -> [UInt32] {
        var result: [UInt32] = []
        var filled: [(slot: UInt32, inner: Int32, digest: Digest)] = []
        defer { for one in filled { close(one.inner) } }
        var added: [Digest] = []
        try retired.makeRoom()
        do {
            for policy in policies {
                let memory = Boxed<weir_policy>()
                let digest = Self.write(policy, into: memory.memory)
                if let slot = slots[digest] {
                    result.append(slot)
                    continue
                }
                let spare = spares.take()
                let slot = if let spare { spare.slot } else { try freeSlot() }
                slots[digest] = slot
                self.policies[slot] = policy
                added.append(digest)
                try maps.note(.changing, of: slot)
                try writeTables(policy, slot)
                result.append(slot)
                if let spare {
                    try maps.fillPolicy(in: spare, with: memory.memory)
                    try maps.note(.filled(digest), of: slot)
                } else {
                    filled.append((slot, try Maps.newPolicy(memory.memory), digest))
                    if filled.count == Self.batch { try publish(&filled) }
                }
            }
            try publish(&filled)
            spares.makeGood(from: freeSlots)
        } catch {
            let slots = Set(added.compactMap { self.slots.removeValue(forKey: $0) })
            for slot in slots { self.policies[slot] = nil }
            try? retired.removeNow(slots)
            throw error
        }
        return result
    }

    private static func write(_ policy: CompiledPolicy, into memory: UnsafeMutablePointer<weir_policy>) -> Digest {
        policy.write(into: memory)
        store(policy.sources, in: memory)
        return Digest(policy, memory)
    }

    private func writeTables(_ policy: CompiledPolicy, _ slot: UInt32) throws(BPFError) {
        for prefix in policy.prefixes { try maps.prefixes.set(prefix.key(policy: slot), to: prefix.facts.rawValue) }
        for owner in policy.owners { try maps.owners.set(owner.key(policy: slot), to: owner.facts.rawValue) }
        for key in UserPortPrefixes.keys(of: policy, slot) { try maps.userPorts.set(key, to: UInt32(1)) }
    }

    /// Removes every policy that no workload points to, in the background: programs that still read one are waited for.
    public func release(keeping used: Set<UInt32>) throws(BPFError) {
        let unused = Set(slots.values).subtracting(used)
        guard !unused.isEmpty else { return }
        for slot in unused { try maps.note(.changing, of: slot) }
        slots = slots.filter { !unused.contains($0.value) }
        retired.add(unused.map { ($0, policies.removeValue(forKey: $0)) })
    }

    /// Waits until what was released has gone.
    public func settle() { retired.settle() }

    private var freeSlots: some Sequence<UInt32> {
        let used = spares.all.union(slots.values).union(retired.all)
        return (0..<UInt32(WEIR_MAX_POLICIES)).lazy.filter { !used.contains($0) }
    }

    private func freeSlot() throws(BPFError) -> UInt32 {
        guard let slot = freeSlots.first(where: { _ in true }) else {
            throw BPFError(
                code: ENOSPC, operation: "store", subject: "a policy: all \(WEIR_MAX_POLICIES) slots are taken",
                advice: "let more workloads share one policy")
        }
        return slot
    }

    /// How many policies are put into their slots at once; each holds a descriptor until then.
    private static let batch = 64

    private func publish(_ filled: inout [(slot: UInt32, inner: Int32, digest: Digest)]) throws(BPFError) {
        try maps.putPolicies(filled.map { ($0.slot, $0.inner) })
        for one in filled {
            try maps.note(.filled(one.digest), of: one.slot)
            close(one.inner)
        }
        filled = []
    }

    /// The names that rules cite, in fields of fixed size; a longer one is cut.
    private static func store(_ sources: [String], in policy: UnsafeMutablePointer<weir_policy>) {
        let size = Int(WEIR_SOURCE_SIZE)
        withUnsafeMutableBytes(of: &policy.pointee.sources) { bytes in
            for (index, source) in sources.prefix(Int(WEIR_MAX_SOURCES)).enumerated() {
                UnsafeMutableRawBufferPointer(rebasing: bytes[(index * size)..<((index + 1) * size - 1)])
                    .copyBytes(from: source.utf8.prefix(size - 1))
            }
        }
    }
}

/// A value too large for the stack.
final class Boxed<Value: BitwiseCopyable> {
    let memory = UnsafeMutablePointer<Value>.allocate(capacity: 1)
    var pointee: Value { _read { yield memory.pointee } }
    deinit { memory.deallocate() }
}

/// FNV-1a in 128 bits over everything a policy puts into the kernel
/// (http://www.isthe.com/chongo/tech/comp/fnv; offset basis and prime of the 128-bit variant).
struct Digest: Hashable {
    var value: UInt128

    init(value: UInt128) {
        self.value = value
    }

    init(_ policy: CompiledPolicy, _ memory: UnsafeMutablePointer<weir_policy>) {
        value = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        add(UnsafeRawBufferPointer(start: memory, count: MemoryLayout<weir_policy>.size))
        for prefix in policy.prefixes {
            withUnsafeBytes(of: prefix.key(policy: 0)) { add($0) }
            withUnsafeBytes(of: prefix.facts.rawValue) { add($0) }
        }
        for owner in policy.owners {
            withUnsafeBytes(of: owner.key(policy: 0)) { add($0) }
            withUnsafeBytes(of: owner.facts.rawValue) { add($0) }
        }
        for interface in policy.interfaces {
            add(text: "\(interface.name) \(interface.facts.rawValue) \(interface.network?.description ?? "-")")
        }
        for entry in policy.userPorts {
            let transports = entry.transports.map(\.rawValue).sorted()
            let ports = entry.ports.map { "\($0)" }.joined(separator: ",")
            add(text: "\(transports) \(ports) \(entry.users)")
        }
    }

    private mutating func add(text: String) {
        Array(text.utf8).withUnsafeBytes { add($0) }
    }

    private mutating func add(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes {
            value ^= UInt128(byte)
            value &*= 0x0000_0000_0100_0000_0000_0000_0000_013b
        }
    }
}
