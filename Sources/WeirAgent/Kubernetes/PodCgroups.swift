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
        return Folder.folders(in: hierarchy).flatMap { name in
            let path = "\(hierarchy)/\(name)"
            guard !name.contains("kubepods") else { return [path] }
            return Folder.folders(in: path).filter { $0.contains("kubepods") }.map { "\(path)/\($0)" }
        }
    }

    private static func collect(_ wanted: Set<String>, below path: String, into found: inout [String: [Int32]]) {
        for name in Folder.folders(in: path) {
            guard let uid = PodCgroup.podUID(ofFolder: name) else {
                // A class of pods: burstable, besteffort.
                collect(wanted, below: "\(path)/\(name)", into: &found)
                continue
            }
            if wanted.contains(uid) { found[uid, default: []] += processes(in: "\(path)/\(name)") }
        }
    }

    private static func processes(in path: String) -> [Int32] {
        let own = Processes.text("\(path)/cgroup.procs") ?? ""
        return own.split(separator: "\n").compactMap { Int32($0) }
            + Folder.folders(in: path).flatMap { processes(in: "\(path)/\($0)") }
    }
}
