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
        @OptionGroup var options: GlobalOptions

        func run() throws {
            try reportingNow(options) {
                do {
                    let configuration = try ConfigurationFile.read(file)
                    for workload in configuration.workloads { _ = try PolicyCompiler.compile(workload.policy) }
                    print("\(file) is valid: \(configuration.workloads.count) workloads")
                } catch let error as ConfigurationError {
                    writeError("\(error)")
                    throw ExitCode(1)
                }
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The configuration in force, defaults included, as YAML.")

        @Argument(help: "The file; \(ConfigurationFile.standard) by default.") var file = ConfigurationFile.standard
        @Flag(help: "Say for each value whether it is a default or which line it stands in.") var origin = false
        @OptionGroup var options: GlobalOptions

        func run() throws {
            try reportingNow(options) {
                print(try ConfigurationFile.read(file).show(origins: origin), terminator: "")
            }
        }
    }
}
