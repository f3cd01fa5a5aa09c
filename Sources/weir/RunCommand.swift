import ArgumentParser
import CWeirBPF
import Foundation
import Glibc
import WeirAgent
import WeirBPF
import WeirCore

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a command with its traffic intercepted, and say what happened to it.",
        discussion: """
            Without --proxy or --mesh the traffic goes through Weir's own proxy. The summary goes to stderr; the exit \
            status is the command's.
            """)

    @Option(
        help: ArgumentHelp(
            "The transparent proxy to send traffic to, such as 127.0.0.1:15001 or [::1]:15001.",
            valueName: "address:port"))
    var proxy: String?
    @Option(help: "Send traffic where this mesh's sidecar listens: istio, linkerd, kuma or osm.")
    var mesh: String?
    @Option(help: ArgumentHelp("Send DNS (port 53, UDP and TCP) there.", valueName: "address:port"))
    var dns: String?
    @Option(help: "Run the command as this user: a name or a number.")
    var user: String?
    @Flag(help: "Print no summary.")
    var quiet = false
    @Option(name: .shortAndLong, help: "How the summary is printed.")
    var output = OutputFormat.table
    @Option(help: ArgumentHelp("Write the summary to this file instead of stderr.", valueName: "file"))
    var summary: String?
    @OptionGroup var options: GlobalOptions
    @Argument(parsing: .postTerminator, help: "The command, after --.")
    var command: [String]

    func validate() throws {
        if let summary { try ReportPages.requireFolder(of: summary) }
        if command.isEmpty { throw ValidationError("Name the command to run after --: weir run -- curl http://…") }
        if proxy != nil && mesh != nil {
            throw ValidationError("Give --proxy or --mesh, not both: a mesh brings the address of its proxy.")
        }
        for text in [proxy, dns].compactMap(\.self) {
            try usage { () throws(InvalidValue) in _ = try Endpoint(parsing: text) }
        }
        if let mesh, Profile.named(mesh) == nil {
            throw ValidationError(
                "There is no mesh \"\(mesh)\"; use \(Profile.all.map(\.name).joined(separator: ", ")).")
        }
    }

    func run() async throws {
        try await reporting(options) {
            try mountCgroups()
            var session = RunSession.Options(command: command)
            session.proxy = try proxy.map { text throws(InvalidValue) in try Endpoint(parsing: text) }
            session.dns = try dns.map { text throws(InvalidValue) in try Endpoint(parsing: text) }
            session.mesh = mesh.flatMap(Profile.named)
            if !quiet { session.warn = { writeError("weir: \($0)") } }
            if let user { (session.uid, session.gid) = try identity(of: user) }
            // The terminal sends ^C to the whole group; the summary still has to be printed.
            signal(SIGINT, SIG_IGN)
            if let proxy = session.proxy, !proxy.address.isLoopback, !proxy.address.isUnspecified {
                writeError(
                    "weir: only IPv\(proxy.address.isIPv4 ? 4 : 6) is redirected, because \(proxy) is of that family")
            }
            let result = try await RunSession(session).run(launcher: "/proc/self/exe")
            let text = output == .json ? try JSONText.render(result.report) + "\n" : result.text
            if let summary {
                try ReportPages.write(text, to: summary)
            } else if !quiet {
                writeError(text)
            }
            throw ExitCode(result.exitCode)
        }
    }

    /// Begins anew where cgroup v2 had to be mounted for this command alone.
    private func mountCgroups() throws {
        guard try Host.mountCgroupsPrivately() else { return }
        // Threads block signals, which stays so across exec.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        execv("/proc/self/exe", CommandLine.unsafeArgv)
        throw InvalidValue("cannot execute weir anew: \(String(cString: strerror(errno)))")
    }

    private func identity(of user: String) throws -> (UInt32, UInt32) {
        if let entry = getpwnam(user) { return (entry.pointee.pw_uid, entry.pointee.pw_gid) }
        if let number = UInt32(user) { return (number, getpwuid(number)?.pointee.pw_gid ?? number) }
        throw InvalidValue("there is no user \"\(user)\"; give a name of /etc/passwd or a number")
    }
}
