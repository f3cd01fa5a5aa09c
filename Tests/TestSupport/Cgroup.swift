import Foundation

/// A cgroup (version 2) of its own, removed with this object.
public final class Cgroup: Sendable {
    public let path: String

    /// Where the version 2 hierarchy is mounted: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` on hybrid hosts.
    public static let root: String? = {
        for line in Workspace.read("/proc/self/mountinfo").split(separator: "\n") {
            // 36 35 98:0 /root /mount/point rw,noatime master:1 - type source options
            let halves = line.components(separatedBy: " - ")
            guard halves.count == 2, halves[1].hasPrefix("cgroup2 ") else { continue }
            let fields = halves[0].split(separator: " ")
            if fields.count > 4 { return String(fields[4]) }
        }
        return nil
    }()

    public init() throws {
        guard let root = Self.root else { throw TestError("no cgroup version 2 hierarchy is mounted") }
        path = "\(root)/\(Workspace.prefix)\(getpid())-\(Workspace.nextNumber())"
        guard mkdir(path, 0o755) == 0 else { throw TestError("mkdir \(path): \(String(cString: strerror(errno)))") }
    }

    deinit { Self.remove(path) }

    /// Empties it by killing, which only a test that went wrong needs, and removes it with all below.
    static func remove(_ path: String) {
        if let kill = FileHandle(forWritingAtPath: "\(path)/cgroup.kill") {
            try? kill.write(contentsOf: Data("1".utf8))
            try? kill.close()
        }
        let below = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        for name in below {
            var isDirectory: ObjCBool = false
            let child = "\(path)/\(name)"
            if FileManager.default.fileExists(atPath: child, isDirectory: &isDirectory), isDirectory.boolValue {
                remove(child)
            }
        }
        _ = Eventually.value(within: 5) { rmdir(path) == 0 || errno == ENOENT ? true : nil }
    }
}
