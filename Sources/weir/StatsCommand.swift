import ArgumentParser
import Glibc
import WeirAgent

struct StatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Redirect counters by workload, direction and reason.")

    @Argument(help: "Only this workload.") var workload: String?
    @Flag(help: "Show what is added each second, until interrupted.") var watch = false
    @OptionGroup var read: ReadOptions

    func run() throws {
        try reportingNow(read.global) {
            let (installed, first) = try read.about(workload) {
                let installed = try read.installed()
                return (installed, try StatsReport.read(installed, workload))
            }
            guard watch else { return print(try render(first)) }
            var last = first
            while true {
                sleep(1)
                let now = try StatsReport.read(installed, workload)
                let text = try render(now.since(last))
                // A pipe gets one block a second, a terminal one that is redrawn.
                print(isatty(STDOUT_FILENO) == 1 && read.output == .table ? "\u{1b}[H\u{1b}[2J" + text : text)
                fflush(nil)
                last = now
            }
        }
    }

    private func render(_ report: StatsReport) throws -> String {
        switch read.output {
        case .json: watch ? try JSONText.line(report) : try JSONText.render(report)
        case .table: report.text
        }
    }
}
