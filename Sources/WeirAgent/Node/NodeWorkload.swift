import CWeirABI
import Logging
import WeirBPF
import WeirCore

/// A workload that is in the kernel, and what the agent keeps for it.
final class NodeWorkload {
    var resolved: ResolvedWorkload
    let id: UInt32
    let mechanism: Mechanism
    var fallback: FallbackProxy?
    /// Keeps an unpinned attachment alive; a pinned one needs nobody.
    var problem: String?

    init(_ resolved: ResolvedWorkload, id: UInt32, mechanism: Mechanism, fallback: FallbackProxy?) {
        self.resolved = resolved
        self.id = id
        self.mechanism = mechanism
        self.fallback = fallback
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
