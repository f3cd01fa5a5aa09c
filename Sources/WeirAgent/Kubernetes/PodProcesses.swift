import WeirBPF
import WeirCore
import WeirKubernetes

/// Finds network namespaces of pods through the cgroups of their processes.
enum PodProcesses {
    /// What is known of a pod whose namespace is wanted.
    struct Wanted: Sendable {
        /// What the API server says; empty while it says nothing.
        var addresses: [String]
        /// Where it was before, as far as this is written down.
        var note: SandboxNotes.Note?
    }

    /// A process of a pod, by which its namespace was found.
    struct Found: Sendable, Equatable {
        let path: String
        let inode: UInt64
        /// What speaks against it; nil for nothing.
        var doubt: String?
    }

    enum Answer: Sendable, Equatable {
        case found(Found)
        /// There are processes, but none whose word counts; a sentence.
        case refused(String)
    }

    /// Looks at the processes of the pods' cgroups, or where those are not in the v2 hierarchy, at all of the node.
    /// - Parameter wanted: by uid as the kubelet has it.
    /// - Returns: nothing for a pod without a process in a namespace that is not the node's own: helpers of runtimes run
    ///   in pods' cgroups, too.
    static func find(_ wanted: [String: Wanted]) -> [String: Answer] {
        guard let pods = PodCgroups.processes(of: Set(wanted.keys)) else { return findAnywhere(wanted) }
        return answer(wanted, pods)
    }

    /// Looks at every process of the node once.
    static func findAnywhere(_ wanted: [String: Wanted]) -> [String: Answer] {
        var pods: [String: [Int32]] = [:]
        for pid in Processes.all() {
            guard let text = Processes.text("/proc/\(pid)/cgroup"), text.contains("kubepods"),
                let uid = CgroupMounts.current.podUID(in: text), wanted[uid] != nil
            else { continue }
            pods[uid, default: []].append(pid)
        }
        return answer(wanted, pods)
    }

    /// A process of the pod that lives in a namespace that is held; nil when there is none.
    static func witness(of uid: String, in inode: UInt64) -> String? {
        let own = PodCgroups.processes(of: [uid])?[uid] ?? []
        let named: [Int32] =
            own.isEmpty
            ? Processes.all().filter {
                Processes.text("/proc/\($0)/cgroup").flatMap(CgroupMounts.current.podUID(in:)) == uid
            } : own
        return named.lazy.map { "/proc/\($0)/ns/net" }.first { NetworkNamespace.inode(of: $0) == inode }
    }

    private static func answer(_ wanted: [String: Wanted], _ pods: [String: [Int32]]) -> [String: Answer] {
        pods.reduce(into: [:]) { found, pod in
            guard let one = wanted[pod.key] else { return }
            found[pod.key] = Witnesses(pod.value, of: pod.key).answer(one)
        }
    }
}
