import WeirKubernetes

extension PodKeeper {
    func status() -> KubernetesStatus {
        let others = pods.values.compactMap { pod -> KubernetesStatus.Other? in
            guard let (reason, isProblem) = whyNot(pod) else { return nil }
            return KubernetesStatus.Other(name: pod.name, uid: pod.uid, reason: reason, isProblem: isProblem)
        }
        let skipped = odd.map {
            KubernetesStatus.Other(name: $0.key, uid: $0.value.uid ?? "-", reason: $0.value.sentence, isProblem: true)
        }
        return KubernetesStatus(
            node: nodeName, problem: failure, pods: pods.count,
            others: (others + skipped).sorted { ($0.name, $0.uid) < ($1.name, $1.uid) }, skippedObjects: oddCount)
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
            if isImpostor(pod) {
                return (
                    "it says to be the static pod \(pod.nodeUID), which another pod is; "
                        + "remove the kubernetes.io/config annotations that nobody but the kubelet writes", true
                )
            }
            if let problem = pod.problem ?? pod.doubt { return (problem, true) }
            return pod.attachment?.meshed == nil ? ("it has no sandbox yet", false) : nil
        }
    }
}
