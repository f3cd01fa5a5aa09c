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

    private struct Slots {
        var ready: Set<UInt32> = []
        var underway: Set<UInt32> = []
    }

    private let maps: Maps
    private let slots: Mutex<Slots>
    private let queue = DispatchQueue(label: "weir.policies")

    /// - Parameter ready: such slots that an earlier process has left.
    init(_ maps: Maps, ready: Set<UInt32>) {
        self.maps = maps
        slots = Mutex(Slots(ready: ready))
    }

    /// All that are not to be used otherwise.
    var all: Set<UInt32> { slots.withLock { $0.ready.union($0.underway) } }

    /// One to be filled.
    func take() -> UInt32? { slots.withLock { $0.ready.popFirst() } }

    /// Makes up for those that were taken, in the background.
    /// - Parameter free: the slots to choose from.
    func makeGood(from free: some Sequence<UInt32>) {
        let chosen = slots.withLock { slots in
            let chosen = Array(free.prefix(Self.count - slots.ready.count - slots.underway.count))
            slots.underway.formUnion(chosen)
            return chosen
        }
        guard !chosen.isEmpty else { return }
        queue.async { [self] in
            // Where it fails, policies wait.
            let isDone = (try? fill(chosen)) != nil
            slots.withLock { slots in
                slots.underway.subtract(chosen)
                if isDone { slots.ready.formUnion(chosen) }
            }
        }
    }

    private func fill(_ chosen: [UInt32]) throws(BPFError) {
        var inner: [(slot: UInt32, inner: Int32)] = []
        defer { for one in inner { close(one.inner) } }
        for slot in chosen { inner.append((slot, try Maps.newPolicy(nil))) }
        try maps.putPolicies(inner)
    }
}
