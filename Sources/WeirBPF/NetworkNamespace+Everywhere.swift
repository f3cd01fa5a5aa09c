import Glibc

extension NetworkNamespace {
    /// A path of each network namespace but this process's own that can be reached: by a process in it, by its name below
    /// /run/netns, or by another mount of it.
    public static func everywhere() -> [String] {
        let processes = ListenerAdoption.pids().map { "/proc/\($0)/ns/net" }
        let names = Folder.names(in: "/run/netns").map { "/run/netns/\($0)" }
        var seen: Set<UInt64> = [inode(of: "/proc/self/ns/net") ?? 0]
        return (names + mounts() + processes).filter { path in
            guard let inode = inode(of: path) else { return false }
            return seen.insert(inode).inserted
        }
    }

    /// A path of each network namespace that can be reached, this process's own too, by its cookie.
    public static func paths() -> [UInt64: String] {
        var found: [UInt64: String] = [:]
        for path in everywhere() + ["/proc/self/ns/net"] {
            if let namespace = try? NetworkNamespace(path: path) { found[namespace.cookie] = path }
        }
        return found
    }

    /// mountinfo of proc(5): the root of a mount of a namespace is its name, net:[4026531992].
    private static func mounts() -> [String] {
        TextFile.lines("/proc/self/mountinfo").compactMap { line in
            let fields = line.split(separator: " ")
            return fields.count > 4 && fields[3].hasPrefix("net:[") ? String(fields[4]) : nil
        }
    }
}
