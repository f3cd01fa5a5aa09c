import Glibc

/// A process of the benchmark, in a namespace and cgroup, as a user. It is killed with this object, and with the thread
/// that started it.
final class LoadProcess {
    struct Place {
        var netns: String?
        var cgroup: String?
        var uid: UInt32?
        /// The processors it may run on; empty: all.
        var cpus: [Int] = []

        var arguments: [String] {
            var list: [String] = []
            if let netns { list += ["--netns", netns] }
            if let cgroup { list += ["--cgroup", cgroup] }
            if let uid { list += ["--uid", "\(uid)"] }
            if !cpus.isEmpty { list += ["--cpus", cpus.map { "\($0)" }.joined(separator: ",")] }
            return list
        }
    }

    let pid: Int32
    let name: String
    private let input: Int32
    private let output: Int32
    private let interruption: Interruption
    private var isReaped = false

    /// - Parameters:
    ///   - command: `worker`, `serve …` or `exec COMMAND…`.
    ///   - log: a file for what it writes to standard error; nil for this process's own.
    ///   - isDiscarding: what it writes to standard output is of no interest.
    init(
        _ command: [String], in place: Place, interruption: Interruption, log: String? = nil, isDiscarding: Bool = false
    ) throws {
        name = command.joined(separator: " ")
        self.interruption = interruption
        var pipes: [Int32] = [-1, -1, -1, -1]
        let made = pipes.withUnsafeMutableBufferPointer { ends -> Bool in
            guard let base = ends.baseAddress else { return false }
            return pipe(base) == 0 && pipe(base + 2) == 0
        }
        guard made else { throw BenchError("cannot make a pipe: \(String(cString: strerror(errno)))") }
        // Into children that are started later they must not go: an end would never be the last.
        for end in pipes { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, pipes[0], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, pipes[3], STDOUT_FILENO)
        if isDiscarding { posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) }
        if let log {
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        }
        let arguments = ["weir", "bench-process", "--parent", "\(getpid())"] + place.arguments + command
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var started: pid_t = 0
        let error = posix_spawn(&started, Self.executable, &actions, nil, &pointers, environ)
        close(pipes[0])
        close(pipes[3])
        input = pipes[1]
        output = pipes[2]
        pid = started
        guard error == 0 else {
            close(input)
            close(output)
            isReaped = true
            throw BenchError("cannot start a process of the benchmark: \(String(cString: strerror(error)))")
        }
        interruption.started(pid)
    }

    /// This program, which holds the load generator.
    private static let executable = "/proc/self/exe"

    deinit { stop() }

    /// Kills and reaps it.
    func stop() {
        guard !isReaped else { return }
        isReaped = true
        interruption.stopped(pid)
        kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        close(input)
        close(output)
    }

    /// Seconds of processor time so far (proc(5), stat, fields 14 and 15).
    var cpu: Double {
        let fields = System.read("/proc/\(pid)/stat")?.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Bytes of memory of its own, as far as it is resident (proc(5), status).
    var memory: Double {
        let line = System.read("/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
        return line.flatMap { Double($0.dropFirst(8).filter(\.isNumber)) }.map { $0 * 1024 } ?? 0
    }

    func waitForReadiness() throws {
        var word = [UInt8](repeating: 0, count: 6)
        try word.withUnsafeMutableBytes { try read(into: $0) }
        guard word == Array("ready\n".utf8) else { throw BenchError("\(name) did not become ready") }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        guard Glibc.write(input, bytes.baseAddress, bytes.count) == bytes.count else { throw ended() }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws {
        var rest = buffer
        while let base = rest.baseAddress, !rest.isEmpty {
            let count = Glibc.read(output, base, rest.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw ended() }
            rest = UnsafeMutableRawBufferPointer(rebasing: rest[count...])
        }
    }

    private func ended() -> any Error {
        if let interrupted = interruption.error { return interrupted }
        return BenchError("a process of the benchmark has ended (\(name)); its reason stands above, if it gave one")
    }
}
