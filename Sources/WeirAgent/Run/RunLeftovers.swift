import Glibc
import WeirBPF

/// Cgroups of `weir run` sessions that were killed.
public enum RunLeftovers {
    /// Removes those without processes and without a living session.
    /// - Returns: how many were removed.
    public static func remove() -> Int {
        guard let root = try? Host.cgroupRoot(), let directory = opendir(root) else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.hasPrefix("weir-run-"), let pid = Int32(name.dropFirst(9)), kill(pid, 0) != 0 else { continue }
            if rmdir("\(root)/\(name)") == 0 { count += 1 }
        }
        return count
    }
}
