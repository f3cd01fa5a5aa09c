import ArgumentParser
import WeirAgent

/// The process beside `weir run` that ends what the session leaves behind.
struct WatchCgroupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "watch-cgroup", shouldDisplay: false)

    @Argument var cgroup: String

    func run() { CgroupWatch.run(cgroup) }
}
