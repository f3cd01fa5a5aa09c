import WeirBPF
import WeirCore

extension NodeCheck {
    /// What rules of policy routing mean for workloads whose policies name interfaces.
    static func routing(_ configuration: Configuration, _ pins: PinDirectory) -> [Check] {
        guard let installed = try? Installed(pins), let ruled = try? installed.ruled() else { return [] }
        let byRules = Set(ruled.map(\.workload.name))
        return configuration.workloads.compactMap { workload in
            guard let resolved = try? ResolvedWorkload(workload), resolved.isRoutedByMore else { return nil }
            let sentence = MechanismChoice.routingSentence
            if byRules.contains(workload.name) {
                guard (workload.mechanism ?? configuration.mechanism) == .auto else { return nil }
                return pass("workload \(workload.name) is intercepted with nftables: \(sentence)")
            }
            return warn(
                "workload \(workload.name) is decided by the right interface", "that is not known: \(sentence)",
                hint: "use mechanism: auto or nftables for it")
        }
    }
}
