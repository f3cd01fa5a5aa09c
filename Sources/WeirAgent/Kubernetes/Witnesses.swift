import WeirBPF
import WeirCore
import WeirKubernetes

/// The processes of one pod's cgroup, asked which network namespace is the pod's. Everything that the pod starts is among
/// them, so most words do not count:
///
/// - A namespace that is not the node's user namespace's was made by the pod itself (`unshare -Urn`).
/// - Of the others, those speak for a namespace that a runtime has started: their parents are outside of the pod's cgroup,
///   or, as CRI-O's conmon, in the node's own network namespace. The sandbox's process is one of them, and the oldest.
/// - A namespace without the address that the API server names is another's.
struct Witnesses {
    private struct Camp {
        let inode: UInt64
        /// The first of its processes, and those that a runtime has started.
        var path: String
        var voices = 0
        var oldest = UInt64.max
        /// Of its processes, how many were asked for their parents.
        var asked = 0
    }

    private let uid: String
    private var camps: [UInt64: Camp] = [:]

    /// Of one namespace; a pod with thousands of processes costs no more.
    private static let mostAsked = 64
    private static let host = NetworkNamespace.inode(of: "/proc/self/ns/net")

    init(_ pids: [Int32], of uid: String) {
        self.uid = uid
        for pid in pids {
            let path = "/proc/\(pid)/ns/net"
            // One that has not come to its pod's namespace yet, or has ended.
            guard let inode = NetworkNamespace.inode(of: path), inode != Self.host else { continue }
            var camp = camps[inode] ?? Camp(inode: inode, path: path)
            if camp.asked < Self.mostAsked, let origin = Processes.origin(of: pid) {
                camp.asked += 1
                if isStartedByRuntime(parent: origin.parent) {
                    camp.voices += 1
                    if origin.start < camp.oldest { (camp.oldest, camp.path) = (origin.start, path) }
                }
            }
            camps[inode] = camp
        }
    }

    private func isStartedByRuntime(parent: Int32) -> Bool {
        guard let text = Processes.text("/proc/\(parent)/cgroup") else { return false }
        return !PodCgroup.places(in: text).contains { $0.uid == uid }
            || NetworkNamespace.inode(of: "/proc/\(parent)/ns/net") == Self.host
    }

    /// - Returns: nil when nobody is there to ask.
    func answer(_ wanted: PodProcesses.Wanted) -> PodProcesses.Answer? {
        if let note = wanted.note, let camp = camps[note.inode], let held = try? NetworkNamespace(path: camp.path),
            held.cookie == note.cookie
        {
            return .found(.init(path: camp.path, inode: camp.inode))
        }
        guard !camps.isEmpty else { return nil }
        let own = camps.values.filter { camp in
            guard let namespace = try? NetworkNamespace(path: camp.path) else { return false }
            return namespace.inode == camp.inode && namespace.isOwnedHere
        }
        guard !own.isEmpty else {
            return .refused("its processes are only in network namespaces that it has made itself (user namespaces)")
        }
        let asked = own.contains { $0.voices > 0 } ? own.filter { $0.voices > 0 } : own
        let addresses = wanted.addresses.compactMap { Address($0) }
        let named = addresses.isEmpty ? asked : asked.filter { Self.has(addresses, $0) }
        guard let best = named.min(by: { ($1.voices, $0.oldest) < ($0.voices, $1.oldest) }) else {
            return .refused(
                "none of its processes is in a network namespace with its address \(addresses[0])")
        }
        var found = PodProcesses.Found(path: best.path, inode: best.inode)
        if named.count > 1 {
            found.doubt =
                "its containers are in \(named.count) network namespaces; the one of \(best.path) is taken, "
                + "in which most of them are"
        }
        return .found(found)
    }

    private static func has(_ addresses: [Address], _ camp: Camp) -> Bool {
        guard let namespace = try? NetworkNamespace(path: camp.path), namespace.inode == camp.inode else {
            return false
        }
        return addresses.contains { (try? namespace.way(to: $0))?.isLocal ?? false }
    }
}
