import ArgumentParser
import CWeirBPF
import Glibc

/// What `weir run` starts instead of the command itself: it joins the cgroup, becomes the user, and only then becomes
/// the command, so that not one system call of the command is made outside.
struct ExecInCgroupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "exec-in-cgroup", shouldDisplay: false)

    @Argument var cgroup: String
    @Option var uid: UInt32?
    @Option var gid: UInt32?
    @Argument(parsing: .postTerminator) var command: [String] = []

    func run() throws {
        // A command that outlived its interception would run without it.
        weir_die_with_parent()
        // `weir run` ignores ^C and its threads block signals, and both stay so across exec.
        for number in [SIGINT, SIGPIPE] { signal(number, SIG_DFL) }
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
        guard let file = fopen("\(cgroup)/cgroup.procs", "we"), fputs("0", file) >= 0, fclose(file) == 0 else {
            try fail("cannot join the cgroup \(cgroup)")
        }
        if let gid, setgroups(0, nil) != 0 || setgid(gid) != 0 { try fail("cannot become gid \(gid)") }
        if let uid, setuid(uid) != 0 { try fail("cannot become uid \(uid)") }
        guard let name = command.first else { throw ExitCode(64) }
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        execvp(name, &arguments)
        let code: Int32 = errno == ENOENT ? 127 : 126
        writeError("weir run: cannot run \(name): \(String(cString: strerror(errno)))")
        throw ExitCode(code)
    }

    private func fail(_ what: String) throws -> Never {
        writeError("weir run: \(what): \(String(cString: strerror(errno)))")
        throw ExitCode(126)
    }
}
