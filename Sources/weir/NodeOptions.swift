import ArgumentParser
import Glibc
import WeirAgent
import WeirBPF
import WeirCore

/// Where Weir lives on this node: from the configuration, whose standard path may be missing.
struct NodeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The configuration file; without it \(ConfigurationFile.standard), if that is there.", valueName: "file"))
    var config: String?

    /// The configuration named, else the one at the standard path, else the defaults.
    func configuration() throws -> Configuration {
        if let config { return try ConfigurationFile.read(config) }
        guard access(ConfigurationFile.standard, F_OK) == 0 else { return Configuration() }
        return try ConfigurationFile.read(ConfigurationFile.standard)
    }

    func pins() throws -> PinDirectory { try configuration().agent.pinDirectory }

    func client() throws -> AdminClient { try configuration().agent.client }
}

extension Configuration.Agent {
    var pinDirectory: PinDirectory { PinDirectory(path: "\(bpffs)/\(pins)") }
    var client: AdminClient { AdminClient(path: socket) }
}

/// Options of commands that read.
struct ReadOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "For people (table) or machines (json).")
    var output = OutputFormat.table
    @OptionGroup var node: NodeOptions
    @OptionGroup var global: GlobalOptions

    /// Opens what is installed, with the sentences that a reader without root and one without Weir need.
    func installed() throws -> Installed {
        try Host.requireRoot("read Weir's maps")
        let pins = try node.pins()
        let installed = try Installed(pins)
        // An agent that has no workloads yet has not installed anything with nftables.
        if !installed.isAnything, try !node.client().isAnswered { _ = try Interceptor.open(pins) }
        return installed
    }

    /// Runs a body about one workload. Where there is none of that name, the agent may know why.
    func about<Result>(_ workload: String?, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            guard let workload, geteuid() == 0, let status = try? node.client().status(),
                let reason = NotIntercepted(workload, status)
            else { throw error }
            throw reason
        }
    }
}
