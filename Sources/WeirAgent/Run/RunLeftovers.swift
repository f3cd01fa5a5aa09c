import Glibc
import WeirBPF

/// Cgroups of `weir run` sessions that were killed.
public enum RunLeftovers {
    /// Removes those without processes and without a living session.
    /// - Returns: how many were removed.
    public static func remove() -> Int {
        guard let root = try? Host.cgroupRoot() else { return 0 }
        return Folder.names(in: root).count { name in
            guard name.hasPrefix("weir-run-"), let pid = Int32(name.dropFirst(9)), kill(pid, 0) != 0 else {
                return false
            }
            return rmdir("\(root)/\(name)") == 0
        }
    }
}
