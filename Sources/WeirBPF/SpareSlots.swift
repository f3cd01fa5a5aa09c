import CWeirBPF
import Dispatch
import Glibc
import Synchronization

/// Slots of `weir_policies` in which there is the map of a policy already, and no workload points to. Putting a map into a
/// slot waits until no program can be using the one before (maybe_wait_bpf_programs), ten milliseconds and more; filling
/// one that is there does not.
final class SpareSlots: Sendable {
    /// Policies that come in one burst and find a slot.
    static let count = 8

    /// A slot with a descriptor of its map, because opening the map waits as long on Linux 6.1 (bpf_map_copy_value).
    final class Spare: Sendable {
        let slot: UInt32
        /// Nil for one that an earlier process has left.
        let inner: Int32?

        /// - Parameter inner: a descriptor, whose owner this becomes.
        init(_ slot: UInt32, owning inner: Int32? = nil) {
            self.slot = slot
            self.inner = inner
        }

        deinit { if let inner { close(inner) } }
    }

    private struct Slots {
        var ready: [Spare] = []
        var underway: Set<UInt32> = []
    }

    private let maps: Maps
    private let slots: Mutex<Slots>
    private let queue = DispatchQueue(label: "weir.policies")

    /// - Parameter ready: such slots that an earlier process has left.
    init(_ maps: Maps, ready: Set<UInt32>) {
        self.maps = maps
        slots = Mutex(Slots(ready: ready.map { Spare($0) }))
    }

    /// All that are not to be used otherwise.
    var all: Set<UInt32> { slots.withLock { $0.underway.union($0.ready.map(\.slot)) } }

    /// One to be filled.
    func take() -> Spare? { slots.withLock { $0.ready.popLast() } }

    /// Makes a spare of a slot whose policy nobody reads any more; it is among `all` from here on, and `offer` has it taken.
    /// - Returns: nil when there are enough.
    func keep(_ slot: UInt32) throws(BPFError) -> Spare? {
        guard slots.withLock({ $0.ready.count + $0.underway.count < Self.count }),
            let inner = try maps.emptiedPolicy(in: slot)
        else { return nil }
        let spare = Spare(slot, owning: inner)
        try maps.note(.spare, of: slot)
        slots.withLock { _ = $0.underway.insert(slot) }
        return spare
    }

    func offer(_ spare: Spare) {
        slots.withLock { slots in
            slots.underway.remove(spare.slot)
            slots.ready.append(spare)
        }
    }

    /// Makes up for those that were taken, in the background.
    /// - Parameter free: the slots to choose from.
    func makeGood(from free: some Sequence<UInt32>) {
        let chosen = slots.withLock { slots in
            let chosen = Array(free.prefix(max(0, Self.count - slots.ready.count - slots.underway.count)))
            slots.underway.formUnion(chosen)
            return chosen
        }
        guard !chosen.isEmpty else { return }
        queue.async { [self] in
            // Where it fails, policies wait.
            let filled = (try? fill(chosen)) ?? []
            slots.withLock { slots in
                slots.underway.subtract(chosen)
                slots.ready += filled
            }
        }
    }

    private func fill(_ chosen: [UInt32]) throws(BPFError) -> [Spare] {
        var filled: [(slot: UInt32, inner: Int32)] = []
        var spares: [Spare] = []
        for slot in chosen {
            let inner = try Maps.newPolicy(nil)
            filled.append((slot, inner))
            spares.append(Spare(slot, owning: inner))
        }
        try maps.putPolicies(filled)
        for slot in chosen { try maps.note(.spare, of: slot) }
        return spares
    }
}
