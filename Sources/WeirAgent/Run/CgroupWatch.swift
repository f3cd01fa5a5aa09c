import Glibc
import WeirBPF

/// A process beside `weir run` that outlives it: when the session ends, however it ends, whatever its command has
/// started ends, too, and its cgroup goes. Without interception nothing of it may run on.
public final class CgroupWatch {
    /// The end of a pipe that closes with this process.
    private let lifeline: Descriptor

    /// - Parameter launcher: the path of this executable.
    init(_ cgroup: String, launcher: String) throws(BPFError) {
        lifeline = try Self.start(cgroup, launcher)
    }

    private static func start(_ cgroup: String, _ launcher: String) throws(BPFError) -> Descriptor {
        var ends: [Int32] = [0, 0]
        if pipe(&ends) != 0 { throw BPFError(code: errno, operation: "make", subject: "a pipe") }
        let reading = Descriptor(owning: ends[0])
        let writing = Descriptor(owning: ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, reading.raw, STDIN_FILENO)
        let command: [String] = [launcher, "watch-cgroup", cgroup]
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, launcher, &actions, nil, &arguments, environ)
        if error != 0 { throw BPFError(code: error, operation: "start", subject: "\(launcher) watch-cgroup") }
        return writing
    }

    /// What the watching process does: waits for the end of standard input, then cleans up.
    public static func run(_ cgroup: String) {
        // ^C is for the command, and a closed terminal is no end of the session.
        setsid()
        var byte: UInt8 = 0
        while true {
            let count = read(STDIN_FILENO, &byte, 1)
            if count == 0 || count < 0 && errno != EINTR { break }
        }
        WorkloadCgroup.remove(cgroup)
    }
}
