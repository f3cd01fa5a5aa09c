import Glibc

/// The processes of a network namespace that have sockets. /proc is read, and no socket gets another holder.
public enum SocketHolders {
    /// A pod has as many processes and descriptors as it likes.
    private static let patience = Duration.milliseconds(500)

    /// - Parameters:
    ///   - inodes: of the sockets that are looked for.
    ///   - namespace: the inode of the network namespace that the processes are in.
    /// - Returns: which of them each process has; those that were not reached in time are not in it.
    public static func find(_ inodes: Set<UInt32>, in namespace: UInt64) -> [Int32: Set<UInt32>] {
        var found: [Int32: Set<UInt32>] = [:]
        if inodes.isEmpty { return found }
        let end = ContinuousClock.now + patience
        for pid in ListenerAdoption.pids() where NetworkNamespace.inode(of: "/proc/\(pid)/ns/net") == namespace {
            if ContinuousClock.now >= end { break }
            forEach(of: pid, first: .max, until: end) { _, inode in
                if inodes.contains(inode) { found[pid, default: []].insert(inode) }
                return true
            }
        }
        return found
    }

    /// Reads the names of a process's descriptors, which takes nothing.
    /// - Parameters:
    ///   - limit: no more descriptors are looked at.
    ///   - body: gets each that is a socket, with its inode; false ends the reading.
    static func forEach(
        of pid: Int32, first limit: Int, until end: ContinuousClock.Instant,
        _ body: (_ descriptor: Int32, _ inode: UInt32) -> Bool
    ) {
        guard let directory = opendir("/proc/\(pid)/fd") else { return }
        defer { closedir(directory) }
        var count = 0
        while count < limit, let entry = readdir(directory) {
            count += 1
            if count % 256 == 0 && ContinuousClock.now >= end { return }
            var target = [CChar](repeating: 0, count: 32)
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { name in
                    let length = readlinkat(dirfd(directory), name, &target, target.count - 1)
                    return length > 0 ? Int32(String(cString: name)) : nil
                }
            }
            // "socket:[123]"
            let text = target.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
            guard let name, text.starts(with: "socket:[".utf8),
                let inode = UInt32(String(decoding: text.dropFirst(8).dropLast(), as: UTF8.self))
            else { continue }
            if !body(name, inode) { return }
        }
    }
}
