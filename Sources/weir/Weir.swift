import ArgumentParser
import WeirAgent
import WeirCore

/// The table of commands. Nouns read, verbs change; bare `weir` is `weir status`.
@main struct Weir: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir",
        abstract: "Steers a workload's TCP and DNS traffic into its sidecar proxy with eBPF.",
        discussion: "Exit status: 0 fine, 1 a problem was found, 2 could not run, 64 wrong usage.",
        version: WeirVersion.current,
        subcommands: [
            StatusCommand.self, WorkloadsCommand.self, StatsCommand.self, FlowsCommand.self, ExplainCommand.self,
            ReasonsCommand.self, CheckCommand.self, RunCommand.self, AgentCommand.self, AdoptCommand.self,
            LoadCommand.self,
            UnloadCommand.self, ProxyCommand.self, CNICommand.self, ConfigCommand.self, BenchCommand.self,
            ExecInCgroupCommand.self, WatchCgroupCommand.self, BenchProcessCommand.self,
            MakeMapsCommand.self,
        ],
        defaultSubcommand: StatusCommand.self)

    /// The parser takes a word that is no command for an argument of the default one.
    static func main() async {
        if let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-"), word != "help" {
            refuse(unknown: word)
        }
        await main(nil)
    }

    private static func refuse(unknown word: String) {
        var names: [String] = []
        for command in configuration.subcommands {
            guard let name = command.configuration.commandName else { continue }
            if name == word { return }
            if command.configuration.shouldDisplay { names.append(name) }
        }
        let hint = Spelling.nearest(to: word, among: names).map { "did you mean \($0)?" }
        writeError("weir: there is no command \(word); \(hint ?? "weir --help lists them")")
        exit(withError: ExitCode(64))
    }
}
