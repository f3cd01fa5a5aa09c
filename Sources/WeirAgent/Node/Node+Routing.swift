import Logging
import WeirBPF
import WeirCore

/// Namespaces with rules of policy routing (ip-rule(8)), and policies that look at interfaces: BPF programs see a
/// connection before it is routed, and know of routes by their destination only. Rules of nftables see the interface.
extension Node {
    /// What this workload is intercepted with; rules of nftables where `auto` lets them and programs would be wrong.
    func choice(of resolved: ResolvedWorkload, _ configuration: Configuration) -> MechanismChoice {
        let choice = choice(of: resolved.workload, configuration)
        let asked = resolved.workload.mechanism ?? configuration.mechanism
        guard asked == .auto, choice.mechanism == .ebpf, resolved.isRoutedByMore, (try? requireNFT(resolved)) != nil
        else { return choice }
        return .byRouting
    }

    /// What the routing of its namespace means for a workload; nil for most.
    func routingRemark(on present: NodeWorkload) -> String? {
        if present.choice == .byRouting {
            return "it is intercepted with nftables (\(present.choice.because))"
        }
        guard present.choice.mechanism == .ebpf, present.resolved.isRoutedByMore else { return nil }
        let advice: String
        do {
            try requireNFT(present.resolved)
            advice = "use mechanism: auto or nftables for it"
        } catch {
            advice = "nftables would be right, but \(error)"
        }
        return "\(MechanismChoice.routingSentence), so that some of its connections are decided by the wrong "
            + "interface: \(advice)"
    }

    /// Rules of routing may have come since the workload was registered. When they go again, nftables stays until the
    /// next reload: it is as right, and nobody can make the agent change to and fro.
    func reconsiderMechanism(in cookie: UInt64) async {
        await turnstile.pass {
            for present in workloads.values where present.resolved.cookie == cookie && !isLeftAlone {
                let choice = choice(of: present.resolved, configuration)
                guard choice == .byRouting, present.choice.mechanism == .ebpf else { continue }
                do {
                    try await put(present.resolved, watching: true)
                } catch {
                    logger.error(
                        "mechanism not changed",
                        metadata: ["workload": "\(present.resolved.workload.name)", "error": "\(error)"])
                }
            }
        }
    }
}

extension MechanismChoice {
    static let routingSentence =
        "its policy names interfaces, and its namespace has rules of routing that look at more than the destination "
        + "(ip rule)"
    static let byRouting = MechanismChoice(.nftables, because: "auto: \(routingSentence)")

    private init(_ mechanism: Mechanism, because: String) {
        (self.mechanism, self.because) = (mechanism, because)
    }
}

extension ResolvedWorkload {
    /// Whether its policy looks at the interface that a connection leaves by, and more than the destination decides which
    /// one that is.
    var isRoutedByMore: Bool {
        guard !policy.interfaces.isEmpty, let namespace = try? NetworkNamespace(path: namespacePath) else {
            return false
        }
        return (try? namespace.routesByDestination()) == false
    }
}
