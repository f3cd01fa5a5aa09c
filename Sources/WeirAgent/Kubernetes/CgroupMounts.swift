import Glibc
import WeirBPF
import WeirKubernetes

/// Where the hierarchies of cgroups are mounted, to see who made a folder. Everybody may name one as runtimes name those
/// of pods, where the owner of the folder above lets him; below folders of root alone only root makes any.
struct CgroupMounts {
    static let current = CgroupMounts(mountinfo: Processes.wholeText("/proc/self/mountinfo"))

    private struct Mount {
        let isVersion2: Bool
        let options: Set<Substring>
        /// What of the hierarchy is mounted: "/", or in a container its part.
        let root: Substring
        let point: Substring
    }

    private let mounts: [Mount]

    init(mountinfo text: String) {
        mounts = text.split(separator: "\n").compactMap { line in
            // 36 35 98:0 /root /mount/point rw,noatime master:1 - type source options: proc(5)
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 3, fields.count > 4,
                fields[dash + 1].hasPrefix("cgroup")
            else { return nil }
            return Mount(
                isVersion2: fields[dash + 1] == "cgroup2", options: Set(fields[dash + 3].split(separator: ",")),
                root: fields[3], point: fields[4])
        }
    }

    /// The pod whose folder a process is in, if root made it.
    /// - Parameter text: of `/proc/PID/cgroup`.
    func podUID(in text: String) -> String? {
        PodCgroup.places(in: text).first { place in
            let controllers = place.controllers.split(separator: ",")
            return mounts.contains { mount in
                let isIts = mount.isVersion2 == controllers.isEmpty && mount.options.isSuperset(of: controllers)
                return isIts && Self.isRoots(place.folder, in: mount)
            }
        }?.uid
    }

    private static func isRoots(_ folder: String, in mount: Mount) -> Bool {
        let (up, path) = climb(folder[...])
        let (above, last) = climb(mount.root)
        let root = last == "/" ? "" : last
        // In a cgroup namespace of the reader's own, what both paths have above them is not named.
        var starts = [String(mount.point)]
        for _ in 0..<min(max(above - up, 0), 4) {
            starts = starts.flatMap { start in Folder.folders(in: start).map { "\(start)/\($0)" } }
                .filter(isRootsFolder)
        }
        let rest = path.hasPrefix(root + "/") ? path.dropFirst(root.count) : path
        return starts.contains { start in
            var whole = start
            return rest.split(separator: "/").allSatisfy { component in
                whole += "/\(component)"
                return isRootsFolder(whole)
            } && whole.contains("kubepods")
        }
    }

    /// How often a path leads up first, and the rest of it.
    private static func climb(_ path: Substring) -> (Int, Substring) {
        var (count, rest) = (0, path)
        while rest.hasPrefix("/..") { (count, rest) = (count + 1, rest.dropFirst(3)) }
        return (count, rest)
    }

    static func isRootsFolder(_ path: String) -> Bool {
        var info = stat()
        return lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR && info.st_uid == 0
    }
}
