import CWeirABI
import CWeirBPF
import Dispatch
import Glibc
import Synchronization
import WeirCore

/// Slots whose policy no workload has any more, until no program can be reading it. The wait, some ten milliseconds, is one
/// for all that came meanwhile, and nobody else's: a workload whose policy changes for ever takes some slots, not all.
final class RetiredSlots: Sendable {
    /// What was in them, where this process has put it there.
    private let waiting = Mutex<[UInt32: CompiledPolicy?]>([:])
    private let maps: Maps
    private let spares: SpareSlots
    private let queue = DispatchQueue(label: "weir.retired")
    /// So many wait at most; whoever brings another waits, too.
    private static let most = 256

    init(_ maps: Maps, _ spares: SpareSlots) {
        (self.maps, self.spares) = (maps, spares)
    }

    /// None of them is to be used otherwise.
    var all: Set<UInt32> { waiting.withLock { Set($0.keys) } }

    /// Takes slots that are noted as changing.
    func add(_ slots: [(UInt32, CompiledPolicy?)]) {
        waiting.withLock { waiting in for (slot, policy) in slots { waiting[slot] = .some(policy) } }
        // What fails is tried again with the next ones; until then the slots are not used.
        queue.async { [self] in try? empty() }
    }

    /// Waits until nothing waits that is here now.
    func settle() { queue.sync {} }

    func makeRoom() throws(BPFError) {
        guard waiting.withLock({ $0.count }) >= Self.most else { return }
        try queue.sync { Result { () throws(BPFError) in try empty() } }.get()
    }

    private func empty() throws(BPFError) {
        let due = waiting.withLock { $0 }
        guard !due.isEmpty else { return }
        try check(weir_wait_for_programs(), "wait for", "programs that read an old policy")
        for (slot, policy) in due {
            if let policy { try removeTables(of: policy, slot) }
        }
        try removeTables(of: Set(due.filter { $0.value == nil }.keys))
        for slot in due.keys {
            // A map that is in its slot already is what spares the next policy its wait.
            let spare = try spares.keep(slot)
            if spare == nil {
                try maps.policies.remove(slot)
                try maps.note(.empty, of: slot)
            }
            waiting.withLock { _ = $0.removeValue(forKey: slot) }
            if let spare { spares.offer(spare) }
        }
    }

    /// Empties slots that no workload has pointed to.
    func removeNow(_ slots: Set<UInt32>) throws(BPFError) {
        for slot in slots {
            try maps.note(.changing, of: slot)
            try maps.policies.remove(slot)
        }
        try removeTables(of: slots)
        for slot in slots { try maps.note(.empty, of: slot) }
    }

    private func removeTables(of policy: CompiledPolicy, _ slot: UInt32) throws(BPFError) {
        for prefix in policy.prefixes { try maps.prefixes.remove(prefix.key(policy: slot)) }
        for owner in policy.owners { try maps.owners.remove(owner.key(policy: slot)) }
        for key in UserPortPrefixes.keys(of: policy, slot) { try maps.userPorts.remove(key) }
    }

    /// The same of policies that an earlier process has put there.
    private func removeTables(of slots: Set<UInt32>) throws(BPFError) {
        if slots.isEmpty { return }
        for key in try maps.prefixes.walk(weir_prefix.self) where slots.contains(key.policy) {
            try maps.prefixes.remove(key)
        }
        for key in try maps.owners.walk(weir_owner.self) where slots.contains(key.policy) {
            try maps.owners.remove(key)
        }
        for key in try maps.userPorts.walk(weir_user_port.self) where slots.contains(key.policy) {
            try maps.userPorts.remove(key)
        }
    }
}
