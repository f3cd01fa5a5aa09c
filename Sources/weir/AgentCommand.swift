import ArgumentParser
import Glibc
import Logging
import WeirAgent
import WeirCore

struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "Run the node agent: keep the configured workloads intercepted.",
        discussion: """
            Stays in the foreground. SIGHUP reads the configuration again; so does a change of the file. When the \
            agent ends, interception goes on in the kernel until `weir unload`.
            """)

    @OptionGroup var node: NodeOptions
    @OptionGroup var options: GlobalOptions

    func run() async throws {
        try await reporting(options) {
            let log = try node.configuration().log
            var logger = Logger(label: "weir") { label -> any LogHandler in
                switch log.format {
                case .json: JSONLogHandler(scope: label)
                case .text: TextLogHandler(scope: label)
                }
            }
            logger.logLevel = Logger.Level(rawValue: log.level.rawValue) ?? .info
            let file = node.config ?? (access(ConfigurationFile.standard, F_OK) == 0 ? ConfigurationFile.standard : nil)
            try await Agent(file: file, logger: logger).run()
        }
    }
}
