import ArgumentParser
import WeirAgent

/// The table of commands. Nouns read, verbs change; bare `weir` is `weir status`.
@main struct Weir: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir",
        abstract: "Steers a workload's TCP and DNS traffic into its sidecar proxy with eBPF.",
        discussion: "Exit status: 0 fine, 1 a problem was found, 2 could not run, 64 wrong usage.",
        version: WeirVersion.current,
        subcommands: [
            StatusCommand.self, WorkloadsCommand.self, StatsCommand.self, FlowsCommand.self, ExplainCommand.self,
            CheckCommand.self, RunCommand.self, AgentCommand.self, LoadCommand.self, UnloadCommand.self,
            ProxyCommand.self, ConfigCommand.self, BenchCommand.self, ExecInCgroupCommand.self, WatchCgroupCommand.self,
            BenchProcessCommand.self,
        ],
        defaultSubcommand: StatusCommand.self)
}
