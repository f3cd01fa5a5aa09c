import CWeirBPF
import Glibc

/// What Weir needs of the machine, found or refused with the sentence the operator needs.
public enum Host {
    /// The mount point of cgroup v2: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` on a hybrid host.
    public static func cgroupRoot() throws(BPFError) -> String {
        if let found = cgroupMounts().first(where: { isWholeHierarchy($0.path) && $0.type == "cgroup2" })?.path {
            return found
        }
        throw BPFError(
            code: ENOENT, operation: "find", subject: "a cgroup v2 mount",
            advice: "mount it: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified")
    }

    /// Where no cgroup v2 is mounted, as below `ip netns exec`, which mounts a new /sys, mounts it at /sys/fs/cgroup for the
    /// calling thread alone, in a mount namespace of its own.
    /// - Returns: whether that was done. The program has to execute itself then, to have no thread that is elsewhere.
    public static func mountCgroupsPrivately() throws(BPFError) -> Bool {
        if geteuid() != 0 || (try? cgroupRoot()) != nil { return false }
        let place = "/sys/fs/cgroup"
        try check(
            weir_mount_cgroups(place), "mount", "cgroup v2 at \(place)",
            advice: "mount it before: mkdir -p \(place) && mount -t cgroup2 none \(place)")
        return true
    }

    /// The root of the hierarchy that counts memory: of version 1 where that does, as on a hybrid host. Nil: it is not
    /// mounted here.
    static func memoryRoot() -> String? {
        let mounts = cgroupMounts().filter { isWholeHierarchy($0.path) }
        let first = mounts.first { $0.type == "cgroup" && $0.options.contains("memory") }
        return (first ?? mounts.first { $0.type == "cgroup2" })?.path
    }

    /// Mounts the BPF file system where it is missing.
    /// - Returns: whether it had to be mounted, which the caller tells the operator.
    public static func mountBPFFileSystem(at path: String = "/sys/fs/bpf") throws(BPFError) -> Bool {
        if isBPFFileSystem(path) { return false }
        try check(
            weir_mount("bpf", path), "mount", "the BPF file system at \(path)",
            advice: "run as root, or mount it before: mount -t bpf bpf \(path)")
        return true
    }

    /// statfs(2) against BPF_FS_MAGIC of linux/magic.h.
    public static func isBPFFileSystem(_ path: String) -> Bool {
        var info = statfs()
        return statfs(path, &info) == 0 && UInt64(bitPattern: Int64(info.f_type)) & 0xffff_ffff == 0xcafe_4a11
    }

    /// - Parameter what: what is attempted, in the infinitive.
    public static func requireRoot(_ what: String) throws(BPFError) {
        if geteuid() != 0 {
            throw BPFError(
                code: EPERM, operation: what, subject: "as uid \(geteuid())", advice: "run as root: sudo weir …")
        }
    }

    /// Refuses what would fail later with a worse message: not root, no BTF.
    public static func require() throws(BPFError) {
        try requireRoot("load BPF programs")
        if access("/sys/kernel/btf/vmlinux", R_OK) != 0 {
            throw BPFError(
                code: ENOENT, operation: "read", subject: "the kernel's types at /sys/kernel/btf/vmlinux",
                advice: "the kernel has no BTF: "
                    + "boot one built with CONFIG_DEBUG_INFO_BTF=y (Debian's and Ubuntu's are)")
        }
    }

    /// A container's own mount shows its cgroup and what is below. What mountinfo says of the root depends on who reads it,
    /// but the kernel numbers the hierarchy's root 1 (fs/kernfs/dir.c).
    private static func isWholeHierarchy(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_ino == 1
    }

    private static func cgroupMounts() -> [(path: String, type: String, options: [Substring])] {
        guard let file = fopen("/proc/self/mountinfo", "re") else { return [] }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        var mounts: [(path: String, type: String, options: [Substring])] = []
        while getline(&line, &capacity, file) > 0, let text = line.map({ String(cString: $0) }) {
            // 36 35 98:0 / /mnt rw - cgroup2 none rw: proc(5), mountinfo
            let fields = text.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 1, fields.count > 4 else { continue }
            guard fields[dash + 1].hasPrefix("cgroup"),
                let options = fields.last?.split(whereSeparator: { ",\n".contains($0) })
            else {
                continue
            }
            mounts.append((String(fields[4]), String(fields[dash + 1]), options))
        }
        return mounts
    }

    /// The cgroup v2 id of a directory: the inode number of its kernfs node.
    public static func cgroupID(of path: String) throws(BPFError) -> UInt64 {
        var info = stat()
        if stat(path, &info) != 0 {
            throw BPFError(
                code: errno, operation: "find", subject: "the cgroup \(path)",
                advice: "name a directory below the cgroup v2 mount")
        }
        var system = statfs()
        if statfs(path, &system) != 0 || UInt64(bitPattern: Int64(system.f_type)) & 0xffff_ffff != 0x6367_7270 {
            throw BPFError(
                code: EINVAL, operation: "use", subject: path,
                advice: "it is not a cgroup v2 directory; "
                    + "those are below \((try? cgroupRoot()) ?? "the cgroup2 mount")")
        }
        return UInt64(info.st_ino)
    }

    /// Whether there is a cgroup v2 with this id.
    public static func hasCgroup(_ id: UInt64) throws(BPFError) -> Bool {
        let root = try cgroupRoot()
        let mount = try Descriptor(path: root)
        let result = weir_cgroup_open(mount.raw, id)
        if result == -ESTALE || result == -ENOENT { return false }
        close(try check(result, "look for", "a cgroup below \(root)"))
        return true
    }
}
