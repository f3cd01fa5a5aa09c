import CWeirABI

/// What all workloads together may take of the kernel's maps, which have a fixed size. What one may is in `PolicyLimits`.
/// Of the other maps, no file that is read can fill `weir_owners`, ranges and user ports have room for the largest share of
/// every policy, and interfaces take room only where a namespace has them.
struct ConfigurationRoom {
    private var policies: Set<Int> = []
    private var cgroups = 0

    /// - Parameter policy: the workload's, compiled; equal ones share a place.
    mutating func take(_ workload: Workload, _ policy: CompiledPolicy) {
        if case .cgroup = workload.selector { cgroups += 1 }
        if case .unit = workload.selector { cgroups += 1 }
        if workload.proxyCgroup != nil { cgroups += 1 }
        var hasher = Hasher()
        hasher.combine(policy)
        // Not in the compiled policy yet: the reader sets it afterwards.
        hasher.combine(workload.policy.originFromSocketName)
        policies.insert(hasher.finalize())
    }

    /// - Parameters:
    ///   - list: the list of workloads.
    ///   - count: how many it has, those that cannot be read included.
    func check(_ list: YAMLValue, count: Int) {
        for (number, limit, what, advice) in [
            (count, WEIR_MAX_WORKLOADS, "workloads", "remove some"),
            (cgroups, WEIR_MAX_WORKLOADS, "cgroups of workloads and of proxies", "remove some"),
            (policies.count, WEIR_MAX_POLICIES, "different policies", "let more workloads have equal ones"),
        ] where number > Int(limit) {
            list.complain("has \(number) \(what), and the kernel's map has room for \(limit); \(advice)")
        }
    }
}
