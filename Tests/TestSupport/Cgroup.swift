import Foundation

/// A cgroup of its own, removed with this object.
public final class Cgroup: Sendable {
    public let path: String

    /// Where the version 2 hierarchy is mounted: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` on hybrid hosts.
    public static let root = mount { type, _ in type == "cgroup2" }
    /// Where version 1's memory controller is mounted, the only one that limits the memory of TCP by itself.
    public static let memoryRoot = mount { type, options in type == "cgroup" && options.contains("memory") }

    private static func mount(_ isWanted: (_ type: Substring, _ options: [Substring]) -> Bool) -> String? {
        for line in Workspace.read("/proc/self/mountinfo").split(separator: "\n") {
            // 36 35 98:0 /root /mount/point rw,noatime master:1 - type source options
            let halves = line.components(separatedBy: " - ")
            guard halves.count == 2 else { continue }
            let (fields, system) = (halves[0].split(separator: " "), halves[1].split(separator: " "))
            guard fields.count > 4, system.count == 3, isWanted(system[0], system[2].split(separator: ",")) else {
                continue
            }
            return String(fields[4])
        }
        return nil
    }

    /// - Parameter root: where a hierarchy is mounted.
    public init(_ root: String? = root) throws {
        guard let root else { throw TestError("the hierarchy of cgroups that this test needs is not mounted") }
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
