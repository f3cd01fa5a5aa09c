import ArgumentParser
import WeirAgent
import WeirCore

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check and show the configuration.", subcommands: [Validate.self, Show.self])

    struct Validate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say everything that is wrong with a configuration file; exit status 1 if anything is.")

        @Argument(help: "The file; \(ConfigurationFile.standard) by default.") var file = ConfigurationFile.standard
        @Option(name: .shortAndLong, help: "For people (table) or machines (json).") var output = OutputFormat.table
        @OptionGroup var options: GlobalOptions

        func run() throws {
            try reportingNow(options) {
                let report = try ValidationReport(file: file)
                switch output {
                case .json: print(try JSONText.render(report))
                case .table where report.valid: print(report.text)
                case .table: writeError(report.text)
                }
                if !report.valid { throw ExitCode(1) }
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the configuration of a file with all defaults, as YAML or JSON.")

        private struct Document: Encodable {
            let schema = "weir.configuration/v1"
            let file: String
            let configuration: ConfigurationTree
        }

        @Argument(help: "The file; \(ConfigurationFile.standard) by default.") var file = ConfigurationFile.standard
        @Flag(help: "Say where each value comes from: the default, or a line of the file.") var origin = false
        @Option(name: .shortAndLong, help: "For people (table, which is YAML) or machines (json).")
        var output = OutputFormat.table
        @OptionGroup var options: GlobalOptions

        func validate() throws {
            if origin && output == .json {
                throw ValidationError("--origin writes comments, which JSON has not; leave out one of the two")
            }
        }

        func run() throws {
            try reportingNow(options) {
                let configuration = try ConfigurationFile.read(file)
                switch output {
                case .json:
                    print(try JSONText.render(Document(file: file, configuration: try configuration.tree())))
                case .table: print(configuration.show(origins: origin), terminator: "")
                }
            }
        }
    }
}
