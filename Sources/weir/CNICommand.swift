import ArgumentParser
import Glibc
import WeirAgent
import WeirCNI
import WeirCore

struct CNICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cni", abstract: "Install the CNI plugin on this node, or remove it.",
        discussion: "An agent whose configuration has agent.cni.install does the same.",
        subcommands: [Install.self, Uninstall.self])

    /// Where: flags before the configuration's `agent.cni`.
    struct Directories: ParsableArguments {
        @Option(help: ArgumentHelp("Where the container runtime looks for plugins.", valueName: "directory"))
        var binDir: String?
        @Option(help: ArgumentHelp("Where it looks for network configurations.", valueName: "directory"))
        var confDir: String?
        @OptionGroup var node: NodeOptions

        func installer() throws -> Installer {
            var agent = try node.configuration().agent
            agent.cni.binDir = binDir ?? agent.cni.binDir
            agent.cni.confDir = confDir ?? agent.cni.confDir
            return PluginInstallation.installer(agent)
        }
    }

    struct Install: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy weir-cni, and add it at the end of the network configuration in use.")

        @Flag(help: "Stay: wait for a network configuration, and put back what others take out.") var watch = false
        @OptionGroup var directories: Directories
        @OptionGroup var options: GlobalOptions

        func run() throws {
            try reportingNow(options) {
                let installer = try directories.installer()
                guard watch else { return print("installed in \(try installer.install())") }
                InstallKeeper(installer) { event in
                    switch event {
                    case .installed(let path): print("installed in \(path)")
                    case .waiting(let milliseconds): print("taken out by others; it comes back in \(milliseconds) ms")
                    case .problem(let sentence): writeError("weir: \(sentence)")
                    }
                    fflush(nil)
                }.run(until: StopSignal())
            }
        }
    }

    struct Uninstall: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take the plugin out of all network configurations, and delete it.",
            discussion: "Stop an agent that keeps it installed first.")

        @OptionGroup var directories: Directories
        @OptionGroup var options: GlobalOptions

        func run() throws {
            try reportingNow(options) {
                print(try directories.installer().uninstall() ? "uninstalled" : "nothing was installed")
            }
        }
    }
}
