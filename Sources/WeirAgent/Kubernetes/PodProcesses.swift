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

    /// Looks at every process of the node once.
    /// - Parameter wanted: uids as the kubelet has them.
    /// - Returns: a process for each pod that has one, in a namespace that is not the node's own: helpers of runtimes
    ///   run in pods' cgroups, too.
    static func find(_ wanted: Set<String>) -> [String: Found] {
        let host = NetworkNamespace.inode(of: "/proc/self/ns/net")
        var found: [String: Found] = [:]
        for pid in Processes.all() {
            guard found.count < wanted.count else { break }
            guard let text = Processes.text("/proc/\(pid)/cgroup"), let uid = PodCgroup.podUID(in: text),
                wanted.contains(uid), found[uid] == nil
            else { continue }
            let path = "/proc/\(pid)/ns/net"
            guard let inode = NetworkNamespace.inode(of: path), inode != host else { continue }
            found[uid] = Found(pid: pid, path: path, inode: inode)
        }
        return found
    }
}
