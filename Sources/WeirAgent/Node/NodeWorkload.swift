import CWeirABI
import Logging
import WeirBPF
import WeirCore
import WeirProxy

/// A workload that is in the kernel, and what the agent keeps for it.
final class NodeWorkload {
    var resolved: ResolvedWorkload
    /// What the configuration says of it; `resolved` is older while its namespace or cgroup is gone.
    var workload: Workload
    /// As the kernel's maps have it; 0 with nftables, which needs none.
    let id: UInt32
    let choice: MechanismChoice
    var fallback: FallbackProxy?
    /// Of the nftables rules in its namespace, if there are any and the agent is to keep them.
    var rules: RulesKeeper?
    /// What is written down of its namespace, if anything of Weir's but programs stands there.
    var noted: String?
    /// Why it is not intercepted now.
    var problem: String?
    /// Why rules that it needs are not in force; the next `put` makes this object anew.
    var lostRules: String?
    /// Why the short cut does less for it than it asks for.
    var limit: String?
    /// What of its namespace is more than its share, and so not known.
    var excess: String?
    /// What the routing of its namespace means for it: another mechanism, or wrong decisions.
    var routing: String?

    init(_ resolved: ResolvedWorkload, id: UInt32, choice: MechanismChoice, fallback: FallbackProxy?) {
        self.resolved = resolved
        workload = resolved.workload
        self.id = id
        self.choice = choice
        self.fallback = fallback
    }

    var status: AgentStatus.WorkloadStatus {
        AgentStatus.WorkloadStatus(
            id: id, name: resolved.workload.name, selector: "\(resolved.workload.selector)",
            mesh: resolved.workload.mesh ?? "custom", mechanism: choice.mechanism.rawValue, because: choice.because,
            problem: problem ?? lostRules, limit: limit ?? excess ?? routing,
            fallbackConnections: fallback?.counters.accepted,
            proxy: resolved.proxyIdentity)
    }

    /// Whether the selector still means what it meant: a namespace or cgroup made anew under the same name is another.
    var isCurrent: Bool {
        guard NetworkNamespace.inode(of: resolved.namespacePath) == resolved.namespaceInode else { return false }
        switch resolved.workload.selector {
        case .netns, .pod: return true
        case .cgroup(let path): return (try? Host.cgroupID(of: path)).map(WorkloadKey.cgroup) == resolved.key
        case .unit(let unit):
            guard let path = try? SystemdUnit.cgroup(of: unit) else { return false }
            return (try? Host.cgroupID(of: path)).map(WorkloadKey.cgroup) == resolved.key
        }
    }
}
