import Glibc

/// Who a process is, as policies know proxies: proc(5).
public struct ProcessIdentity: Sendable {
    public let pid: Int32
    /// What the process calls itself.
    public let name: String
    /// Under which it makes sockets, as this process's user namespace sees them.
    public let uid: UInt32
    public let gid: UInt32
    /// The ids of its cgroup and of those above it.
    public let cgroups: Set<UInt64>

    /// - Returns: nil for one that has gone.
    public init?(_ pid: Int32) {
        self.pid = pid
        var fields: [Substring: [Substring]] = [:]
        for line in TextFile.lines("/proc/\(pid)/status") {
            let words = line.split { $0 == "\t" || $0 == " " }
            if let key = words.first { fields[key] = Array(words.dropFirst()) }
        }
        // Real, effective, saved, and the one of files, which new sockets are of.
        guard let uids = fields["Uid:"], let gids = fields["Gid:"], uids.count == 4, gids.count == 4,
            let uid = UInt32(uids[3]), let gid = UInt32(gids[3])
        else { return nil }
        name = fields["Name:"]?.joined(separator: " ") ?? ""
        (self.uid, self.gid) = (uid, gid)
        cgroups = Self.cgroups(of: pid)
    }

    private static func cgroups(of pid: Int32) -> Set<UInt64> {
        guard let root = try? Host.cgroupRoot(),
            let line = TextFile.lines("/proc/\(pid)/cgroup").first(where: { $0.hasPrefix("0::/") })
        else { return [] }
        var path = root
        var found: Set<UInt64> = []
        for part in line.dropFirst("0::/".count).split(separator: "/") {
            path += "/\(part)"
            if let id = try? Host.cgroupID(of: path) { found.insert(id) }
        }
        return found
    }
}
