import WeirBPF
import WeirKubernetes

/// The cgroups that runtimes make for pods in the v2 hierarchy. To read those of a few pods costs a small part of reading
/// all of /proc.
enum PodCgroups {
    private static let hierarchy = try? Host.cgroupRoot()

    /// The processes of each wanted pod that has a cgroup; a pod has one before its sandbox's first process.
    /// - Parameter wanted: uids as the kubelet has them.
    /// - Returns: nil when there are no cgroups of pods in this hierarchy; they may be in another.
    static func processes(of wanted: Set<String>) -> [String: [Int32]]? {
        let folders = tops()
        guard !folders.isEmpty else { return nil }
        var found: [String: [Int32]] = [:]
        for folder in folders { collect(wanted, below: folder, into: &found) }
        return found
    }

    /// `kubepods` or `kubepods.slice`, or one of such a name in a slice of the kubelet's own.
    private static func tops() -> [String] {
        guard let hierarchy else { return [] }
        return Folder.folders(in: hierarchy).flatMap { name -> [String] in
            let path = "\(hierarchy)/\(name)"
            guard CgroupMounts.isRootsFolder(path) else { return [] }
            guard !name.contains("kubepods") else { return [path] }
            return Folder.folders(in: path).filter { $0.contains("kubepods") }.map { "\(path)/\($0)" }
        }.filter(CgroupMounts.isRootsFolder)
    }

    /// - Parameter depth: of folders between `kubepods` and a pod's: burstable, besteffort, in kind one more.
    private static func collect(
        _ wanted: Set<String>, below path: String, depth: Int = 3, into found: inout [String: [Int32]]
    ) {
        for name in Folder.folders(in: path) {
            let folder = "\(path)/\(name)"
            guard let uid = PodCgroup.podUID(ofFolder: name) else {
                if depth > 0, CgroupMounts.isRootsFolder(folder) {
                    collect(wanted, below: folder, depth: depth - 1, into: &found)
                }
                continue
            }
            if wanted.contains(uid), CgroupMounts.isRootsFolder(folder) {
                found[uid, default: []] += processes(in: folder, depth: 3)
            }
        }
    }

    /// - Parameter depth: of folders to look into: containers, and what has delegated cgroups below.
    private static func processes(in path: String, depth: Int) -> [Int32] {
        let own = Processes.wholeText("\(path)/cgroup.procs")
        let below = depth > 0 ? Folder.folders(in: path) : []
        return own.split(separator: "\n").compactMap { Int32($0) }
            + below.flatMap { processes(in: "\(path)/\($0)", depth: depth - 1) }
    }
}
