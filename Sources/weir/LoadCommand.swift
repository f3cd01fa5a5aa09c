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
            try Host.require()
            if let one = configuration.workloads.first(where: { $0.whenProxyDown == .fallback }) {
                throw InvalidValue(
                    "workload \(one.name): whenProxyDown: fallback needs a process; "
                        + "start weir agent instead of weir load")
            }
            if try Host.mountBPFFileSystem(at: configuration.agent.bpffs) {
                print("mounted the BPF file system at \(configuration.agent.bpffs)")
            }
            try node.client().refuseIfAnswered()
            let pins = try node.pins()
            let wasInstalled = pins.exists
            let interceptor = try Interceptor.install(pins)
            do {
                let logger = Logger(label: "weir", factory: { _ in SwiftLogNoOpLogHandler() })
                try await Node(interceptor, logger: logger).apply(configuration, watching: false)
            } catch {
                if !wasInstalled { Interceptor.uninstall(pins) }
                throw error
            }
            print("loaded; \(configuration.workloads.count) workloads are intercepted (weir status shows them)")
        }
    }
}

struct UnloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unload",
        abstract: "Remove every trace: programs, links, maps, pins, and those of killed processes.",
        discussion: "A running agent is stopped first. Connections that the proxy holds go on; new ones are direct.")

    @OptionGroup var node: NodeOptions
    @OptionGroup var options: GlobalOptions

    func run() async throws {
        try await reporting(options) {
            try Host.requireRoot("unload")
            let client = try node.client()
            let pins = try node.pins()
            if let agent = client.status() {
                _ = client.request("POST", "/v1/stop") { _ in }
                for _ in 0..<150 where client.isAnswered { try await Task.sleep(for: .milliseconds(100)) }
                if client.isAnswered {
                    throw InvalidValue("the agent (pid \(agent.pid)) does not stop; end it, then run weir unload again")
                }
                print("stopped the agent (pid \(agent.pid))")
            }
            let isThere = pins.exists || !pins.leftovers().isEmpty
            let count = Interceptor.uninstall(pins)
            let namespaces = try NFTMechanism(pins).removeAll()
            let runs = RunLeftovers.remove()
            let benches = BenchLeftovers.remove()
            unlink(client.path)  // a killed agent's
            var said = isThere || runs > 0 || namespaces > 0 ? ["unloaded: \(count) programs detached"] : []
            if benches > 0 { said.append("removed what \(benches) killed runs of weir bench left") }
            print(said.isEmpty ? "nothing was loaded" : said.joined(separator: "; "))
        }
    }
}
