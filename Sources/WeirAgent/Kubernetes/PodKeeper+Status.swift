import WeirKubernetes

extension PodKeeper {
    func status() -> KubernetesStatus {
        let others = pods.values.compactMap { pod -> KubernetesStatus.Other? in
            guard let (reason, isProblem) = whyNot(pod) else { return nil }
            return KubernetesStatus.Other(name: pod.name, uid: pod.uid, reason: reason, isProblem: isProblem)
        }
        return KubernetesStatus(
            node: nodeName, problem: failure, pods: pods.count, others: others.sorted { $0.name < $1.name })
    }

    /// Adds to the workloads that are pods what is known of them.
    func describe(_ workloads: inout [AgentStatus.WorkloadStatus]) {
        for index in workloads.indices {
            guard let uid = workloads[index].podUID, let pod = pods[uid], let meshed = pod.meshed else { continue }
            workloads[index].pod = KubernetesStatus.Pod(
                uid: uid, node: nodeName, addresses: pod.addresses, proxies: meshed.proxies,
                warnings: meshed.warnings.isEmpty ? nil : meshed.warnings)
        }
    }

    /// - Returns: nil for a pod that is intercepted.
    private func whyNot(_ pod: PodRecord) -> (reason: String, isProblem: Bool)? {
        switch pod.membership {
        case .exempt(let reason): return (reason, false)
        case .invalid(let sentence): return (sentence, true)
        case .meshed:
            if let reason = pod.rules {
                return ("\(reason); weir adopt --replace-iptables \(pod.name) moves it over", false)
            }
            if let problem = pod.problem { return (problem, true) }
            return pod.attachment?.meshed == nil ? ("it has no sandbox yet", false) : nil
        }
    }
}
