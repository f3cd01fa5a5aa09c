import CWeirABI
import Glibc

/// Who has which index of `weir_shares`. An index is given to another workload when its owner has gone; what the earlier
/// one still has in the maps is then counted for nobody (`share_of` in share.bpf.h).
struct Shares {
    private var owners: [WorkloadKey: (index: UInt32, workload: UInt32)] = [:]

    /// - Parameter present: what an earlier process registered. A proxy's cgroup has the share of its workload.
    init(_ present: [RegisteredWorkload]) {
        for one in present where !one.isProxy { owners[one.key] = (one.value.share, one.id) }
    }

    func index(of workload: UInt32) -> UInt32? { owners.values.first { $0.workload == workload }?.index }

    /// An index for a new workload, with nothing counted.
    mutating func take(for key: WorkloadKey, workload: UInt32, _ maps: Maps) throws(BPFError) -> UInt32 {
        let taken = Set(owners.values.map(\.index))
        guard let index = owners[key]?.index ?? (0..<UInt32(WEIR_MAX_WORKLOADS)).first(where: { !taken.contains($0) })
        else {
            throw BPFError(
                code: ENOSPC, operation: "register", subject: "a workload: there are \(WEIR_MAX_WORKLOADS) already",
                advice: "select fewer")
        }
        var share = weir_share()
        share.workload = workload
        try maps.shares.set(index, to: share)
        owners[key] = (index, workload)
        return index
    }

    mutating func giveBack(_ key: WorkloadKey) { owners[key] = nil }
}
