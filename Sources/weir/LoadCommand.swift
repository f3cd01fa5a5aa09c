import ArgumentParser
import Glibc
import Logging
import WeirAgent
import WeirBPF
import WeirBench
import WeirCore

struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Attach and pin the programs, and register the configured workloads, without an agent.",
        discussion: "Changes of routes and of namespaces are not followed, "
            + "and whenProxyDown: fallback needs the agent.")

    @OptionGroup var node: NodeOptions
    @OptionGroup var options: GlobalOptions

    func run() async throws {
        try await reporting(options) {
            let configuration = try node.configuration()
            try Host.requireRoot("intercept traffic")
            if let one = configuration.workloads.first(where: { $0.whenProxyDown == .fallback }) {
                throw InvalidValue(
                    "workload \(one.name): whenProxyDown: fallback needs a process; "
                        + "start weir agent instead of weir load")
            }
            try configuration.agent.client.refuseIfAnswered()
            let lock = try InstallationLock.take(configuration.agent.pinDirectory)
            defer { withExtendedLifetime(lock) {} }
            let bpffs = configuration.agent.bpffs
            let wasMounted = Host.isBPFFileSystem(bpffs)
            let logger = Logger(label: "weir", factory: { _ in SwiftLogNoOpLogHandler() })
            let loading = Node(configuration.agent.pinDirectory, logger: logger, launcher: "/proc/self/exe")
            try await loading.start(configuration, watching: false)
            if !wasMounted && Host.isBPFFileSystem(bpffs) { print("mounted the BPF file system at \(bpffs)") }
            if let why = await loading.whyNoPrograms { print("nftables is used: \(why)") }
            let removed = await loading.removed
            if !removed.isEmpty {
                let names = removed.sorted().prefix(20).joined(separator: ", ")
                writeError(
                    "weir: \(removed.count) workloads that were in force are not in the configuration, and not intercepted "
                        + "any more: \(names)")
            }
            print("loaded; \(configuration.workloads.count) workloads are intercepted (weir status shows them)")
        }
    }
}

struct UnloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unload",
        abstract: "Remove every trace: programs, links, maps, pins, and those of killed processes.",
        discussion: "A running agent is stopped first, and killed if it hangs. "
            + "Connections that the proxy holds go on; new ones are direct.")

    @OptionGroup var node: NodeOptions
    @OptionGroup var options: GlobalOptions

    func run() throws {
        try reportingNow(options) {
            try Host.requireRoot("unload")
            let settings = try node.configuration().agent
            let ended = try AgentEnd.bring(settings)
            for sentence in ended { print(sentence) }
            // So that no other begins meanwhile.
            let lock = try InstallationLock.take(settings.pinDirectory, patience: 5)
            defer { withExtendedLifetime(lock) {} }
            let removed = try Installation.remove(settings)
            let benches = BenchLeftovers.remove()
            var said = removed.map { ["unloaded: \($0)"] } ?? []
            if benches > 0 {
                said.append("removed what \(benches) killed \(benches == 1 ? "run" : "runs") of weir bench left")
            }
            let nothing = ended.isEmpty ? "nothing was loaded" : "it had unloaded everything"
            print(said.isEmpty ? nothing : said.joined(separator: "; "))
        }
    }
}
