import Glibc
public import WeirBPF

/// A cgroup made for one command: whatever it starts is in it, too.
public struct WorkloadCgroup: ~Copyable {
    public let path: String
    public let id: UInt64

    public init(name: String) throws(BPFError) {
        (path, id) = try Self.make(name)
    }

    private static func make(_ name: String) throws(BPFError) -> (String, UInt64) {
        let path = "\(try Host.cgroupRoot())/\(name)"
        if mkdir(path, 0o755) != 0 {
            throw BPFError(code: errno, operation: "make", subject: "the cgroup \(path)")
        }
        return (path, try Host.cgroupID(of: path))
    }

    /// Ends what still runs in it and removes it.
    /// - Returns: how many processes it had to end.
    @discardableResult
    public func remove() -> Int { Self.remove(path) }

    /// The same for a cgroup that another process made; one that is not there is removed already.
    @discardableResult
    static func remove(_ path: String) -> Int {
        let left = processes(of: path)
        if !left.isEmpty {
            // cgroup.kill is Linux 5.14; signals one by one before.
            if let file = fopen("\(path)/cgroup.kill", "we") {
                fputs("1", file)
                fclose(file)
            }
            for pid in processes(of: path) { kill(pid, SIGKILL) }
        }
        // A killed process stays in its cgroup until the kernel has torn it down.
        for _ in 0..<500 {
            if rmdir(path) == 0 || errno != EBUSY { break }
            usleep(10_000)
        }
        return left.count
    }

    private static func processes(of path: String) -> [Int32] {
        guard let file = fopen("\(path)/cgroup.procs", "re") else { return [] }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        var found: [Int32] = []
        while getline(&line, &capacity, file) > 0 {
            if let line, case let pid = Int32(atol(line)), pid > 0 { found.append(pid) }
        }
        return found
    }
}
