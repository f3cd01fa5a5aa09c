import Logging
import WeirBPF
import WeirCore

/// What an earlier agent put in force, and this configuration does not have.
extension Node {
    /// A file that a full disk or an editor has cut short must not take out of force what an earlier agent put there. Of a
    /// node that follows pods, the file needs no list.
    func requireWorkloads(_ new: Configuration) throws(InvalidValue) {
        guard new.workloads.isEmpty, !new.hasWorkloadList, !new.agent.kubernetes.enabled else { return }
        let names = inForce()
        guard !names.isEmpty else { return }
        throw InvalidValue(
            "the configuration has no list of workloads, as if it were missing or had been cut short, and "
                + "\(names.count) are in force: \(Self.list(names)); write workloads: [] if there are to be none")
    }

    /// Of another version's maps nothing is known here.
    private func inForce() -> [String] {
        guard let installed = try? Installed(pins) else { return [] }
        let registered = (try? installed.registered().map(\.name)) ?? []
        let ruled = (try? installed.ruled().map(\.workload.name)) ?? []
        return Set(registered + ruled).sorted()
    }

    /// - Parameter level: how loud it is said.
    func removeStrangers(keeping resolved: [ResolvedWorkload], saying level: Logger.Level) throws {
        guard !keepsStrangers else { return }
        let kept = Set(resolved.map(\.workload.name).map(KernelName.of))
        let proxies = Set(resolved.compactMap(\.proxyCgroup).map(WorkloadKey.cgroup))
        var gone = Set(try ebpf?.removeStrangers(keeping: Set(resolved.map(\.key)), proxies: proxies) ?? [])
        let paths = Set(resolved.map(\.publicPath))
        let ruled = try namespaces.workloads().filter(\.isIntercepted)
        for path in namespaces.noted() where !paths.contains(path) {
            gone.formUnion(ruled.filter { $0.path == path }.map(\.workload.name))
            try namespaces.remove(from: path)
        }
        // One whose namespace was made anew has another key, and stays.
        gone.subtract(kept)
        removed.formUnion(gone)
        guard !gone.isEmpty else { return }
        logger.log(
            level: level,
            "workloads that were in force are not in the configuration; they are not intercepted from now on",
            metadata: ["removed": "\(gone.count)", "workloads": "\(Self.list(gone.sorted()))"])
    }

    static func list(_ names: [String]) -> String {
        names.prefix(20).joined(separator: ", ") + (names.count > 20 ? ", …" : "")
    }
}
