import CWeirABI
import Glibc
import WeirBPF
import WeirCore

/// A configured workload whose selector was found on this node and whose policy is compiled: all that can go wrong
/// before the kernel is touched has not.
struct ResolvedWorkload: Sendable {
    let workload: Workload
    let key: WorkloadKey
    /// The namespace whose routes and listeners matter: the pod's own, or this process's for a cgroup.
    let namespacePath: String
    /// A path of it that other processes can use, too.
    let publicPath: String
    /// Keeps the namespace of `namespacePath`, where that is a descriptor.
    let held: HeldNamespace?
    let namespaceInode: UInt64
    let cookie: UInt64
    var policy: CompiledPolicy
    let proxyCgroup: UInt64?

    /// By what the proxy's own connections are known.
    var proxyIdentity: String {
        let policy = workload.policy
        let words =
            policy.proxyUIDs.map { "uid \($0)" } + policy.proxyGIDs.map { "gid \($0)" }
            + (workload.proxyCgroup.map { ["cgroup \($0)"] } ?? [])
        return words.isEmpty ? "-" : words.joined(separator: ", ")
    }

    /// Whether eBPF needs nftables rules beside itself: forwarded packets meet no socket.
    var needsRules: Bool { !policy.interfaces.isEmpty || workload.policy.dropInvalid }

    var isPod: Bool { if case .netns = key { true } else { false } }

    /// What selects a workload in the kernel: its name in the file, or the uid of a pod, whose name another may have.
    enum Identifier: Hashable {
        case configured(String)
        case pod(uid: String)
    }

    var identifier: Identifier {
        if case .pod(let uid) = workload.selector { .pod(uid: uid) } else { .configured(workload.name) }
    }

    /// - Parameter held: the namespace of a pod; no path says which one it is.
    init(_ workload: Workload, held: HeldNamespace? = nil) throws {
        self.workload = workload
        self.held = held
        var specification = workload.policy
        specification.proxyCgroup = workload.proxyCgroup != nil
        if let held {
            namespacePath = held.path
        } else if case .netns(let path) = workload.selector {
            namespacePath = path
        } else {
            namespacePath = "/proc/self/ns/net"
            // Connections from outside meet the whole host, not one cgroup of it.
            specification.inboundEnabled = false
        }
        publicPath = held?.foundAt ?? namespacePath
        let namespace = try NetworkNamespace(path: namespacePath)
        cookie = namespace.cookie
        namespaceInode = namespace.inode
        switch workload.selector {
        case .netns, .pod:
            guard namespace.inode != NetworkNamespace.inode(of: "/proc/self/ns/net") else {
                throw InvalidValue(
                    "\(publicPath) is the host's own network namespace; select a host workload by cgroup or unit")
            }
            key = .netns(namespace.cookie)
        case .cgroup(let path): key = .cgroup(try Host.cgroupID(of: path))
        case .unit(let unit): key = .cgroup(try Host.cgroupID(of: try SystemdUnit.cgroup(of: unit)))
        }
        policy = try PolicyCompiler.compile(specification)
        proxyCgroup = try workload.proxyCgroup.map { path throws(BPFError) in try Host.cgroupID(of: path) }
    }
}

extension ResolvedWorkload {
    /// Many at once: compiling their policies is most of the work of a start.
    static func all(_ workloads: [Workload]) async -> [Result<ResolvedWorkload, any Error>] {
        await withTaskGroup(of: (Int, Result<ResolvedWorkload, any Error>).self) { group in
            for (index, workload) in workloads.enumerated() {
                group.addTask { (index, Result { try ResolvedWorkload(workload) }) }
            }
            var found: [(Int, Result<ResolvedWorkload, any Error>)] = []
            for await one in group { found.append(one) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}

/// Where systemd puts a unit's processes.
enum SystemdUnit {
    /// The unit's cgroup v2 directory: the one of its name below the root, at the depth systemd nests slices.
    static func cgroup(of unit: String) throws(BPFError) -> String {
        let root = try Host.cgroupRoot()
        if let found = find(unit, below: root, depth: 6) { return found }
        throw BPFError(
            code: ENOENT, operation: "find", subject: "the unit \(unit) below \(root)",
            advice: "start it first, or check its name with systemctl status \(unit)")
    }

    private static func find(_ name: String, below path: String, depth: Int) -> String? {
        guard depth > 0, let directory = opendir(path) else { return nil }
        defer { closedir(directory) }
        var folders: [String] = []
        while let entry = readdir(directory) {
            guard entry.pointee.d_type == UInt8(DT_DIR) else { continue }
            let folder = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if folder == name { return "\(path)/\(folder)" }
            if folder.first != "." { folders.append("\(path)/\(folder)") }
        }
        for folder in folders {
            if let found = find(name, below: folder, depth: depth - 1) { return found }
        }
        return nil
    }
}
