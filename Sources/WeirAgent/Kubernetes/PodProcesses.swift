import Foundation
import WeirBPF
import WeirKubernetes

/// Finds network namespaces of pods through the cgroups of their processes.
enum PodProcesses {
    /// A process of a pod, by which its namespace was found.
    struct Found: Sendable {
        let pid: Int32
        let path: String
        let inode: UInt64
    }

    /// Looks at the processes of the pods' cgroups, or where those are not in the v2 hierarchy, at all of the node.
    /// - Parameter wanted: uids as the kubelet has them.
    /// - Returns: a process for each pod that has one, in a namespace that is not the node's own: helpers of runtimes
    ///   run in pods' cgroups, too.
    static func find(_ wanted: Set<String>) -> [String: Found] {
        guard let pods = PodCgroups.processes(of: wanted) else { return findAnywhere(wanted) }
        return pods.compactMapValues { pids in pids.lazy.compactMap(found).first }
    }

    /// Looks at every process of the node once.
    static func findAnywhere(_ wanted: Set<String>) -> [String: Found] {
        var found: [String: Found] = [:]
        for pid in Processes.all() {
            guard found.count < wanted.count else { break }
            guard let text = Processes.text("/proc/\(pid)/cgroup"), let uid = PodCgroup.podUID(in: text),
                wanted.contains(uid), found[uid] == nil
            else { continue }
            found[uid] = self.found(pid)
        }
        return found
    }

    private static let host = NetworkNamespace.inode(of: "/proc/self/ns/net")

    /// - Returns: nil when the process has not come to its pod's namespace yet, or has ended.
    private static func found(_ pid: Int32) -> Found? {
        let path = "/proc/\(pid)/ns/net"
        guard let inode = NetworkNamespace.inode(of: path), inode != host else { return nil }
        return Found(pid: pid, path: path, inode: inode)
    }
}
