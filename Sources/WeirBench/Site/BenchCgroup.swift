import Glibc
import WeirBPF

/// A cgroup v2 of the run. It counts the processor time of everything in it, with or without controllers
/// (cpu.stat, Linux 4.15).
final class BenchCgroup {
    let path: String

    init(_ path: String) throws {
        self.path = path
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw BenchError("cannot make the cgroup \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Seconds of processor time so far, of user and system; 0 where the kernel does not say.
    var cpu: Double {
        let line = System.read("\(path)/cpu.stat")?.split(separator: "\n").first { $0.hasPrefix("usage_usec ") }
        return line.flatMap { Double($0.dropFirst(11)) }.map { $0 / 1e6 } ?? 0
    }

    /// Ends what is in it and below, and removes it.
    static func remove(_ path: String) {
        for name in Folder.folders(in: path) { remove("\(path)/\(name)") }
        // A killed process stays in its cgroup until the kernel has torn it down.
        for _ in 0..<500 {
            for line in (System.read("\(path)/cgroup.procs") ?? "").split(separator: "\n") {
                if let pid = Int32(line) { kill(pid, SIGKILL) }
            }
            if rmdir(path) == 0 || errno == ENOENT { return }
            usleep(10_000)
        }
    }
}
