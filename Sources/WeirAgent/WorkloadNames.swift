import Synchronization
import WeirBPF

/// The names that workloads have in the kernel, also of those that are gone: records of their connections come later.
final class WorkloadNames: Sendable {
    /// Ids only grow, so the lowest are the oldest. Of 128 bytes each they take some megabytes at the most.
    private static let limit = 65_536
    private let names = Mutex<[UInt32: String]>([:])

    func note(_ id: UInt32, _ name: String) {
        names.withLock { names in
            names[id] = KernelName.of(name)
            guard names.count > Self.limit else { return }
            for old in names.keys.sorted().prefix(Self.limit / 8) { names[old] = nil }
        }
    }

    /// The records with the names of their workloads.
    func add(to records: [FlowRecord]) -> [FlowRecord] {
        names.withLock { names in
            records.map { record in
                var record = record
                record.workloadName = names[record.workload]
                return record
            }
        }
    }
}
