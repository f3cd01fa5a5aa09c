import ArgumentParser
import Glibc
import WeirAgent
import WeirBench

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure on this node, side by side: no interception, iptables, nftables, and Weir.",
        discussion: """
            A run has namespaces and a cgroup of its own, and removes them; a Weir that works on this node is not \
            touched. The machine should have nothing else to do. ^C ends it at any time.
            """,
        subcommands: [Compare.self, Show.self])

    @Flag(help: "Fewer points and rounds: under five minutes.") var quick = false
    @Option(help: ArgumentHelp("Only this suite; may be given more than once: \(Self.suites).", valueName: "suite"))
    var only: [String] = []
    @Option(
        help: ArgumentHelp(
            "Client connections at which latency is measured; 1,2,5,10,25,50,100 without it, and 1,10,100 with --quick.",
            valueName: "n,n,..."))
    var connections: String?
    @Option(
        help: ArgumentHelp("Measure Merbridge, too: its BPF objects, one or a directory of them.", valueName: "path"))
    var merbridge: String?
    @Option(help: ArgumentHelp("Write the result to this file, for weir bench compare.", valueName: "file"))
    var json: String?
    @OptionGroup var pages: ReportPages
    @OptionGroup var options: GlobalOptions

    private static let suites = SuiteName.allCases.map(\.rawValue).joined(separator: ", ")

    func validate() throws {
        if let unknown = only.first(where: { SuiteName(rawValue: $0) == nil }) {
            throw ValidationError("There is no suite \"\(unknown)\"; use \(Self.suites).")
        }
        _ = try numbers()
        // Not after minutes of measuring.
        if let json { try ReportPages.requireFolder(of: json) }
        if let merbridge, access(merbridge, R_OK) != 0 {
            throw ValidationError("\(merbridge) cannot be read: \(String(cString: strerror(errno)).lowercased()).")
        }
    }

    /// Half of them go to each family's load generator, which has room for 1,024.
    private func numbers() throws -> [Int]? {
        try connections?.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let number = Int(text), (1...1000).contains(number) else {
                throw ValidationError(
                    "--connections takes numbers from 1 to 1000, such as 1,10,100, and not \"\(text)\".")
            }
            return number
        }
    }

    func run() throws {
        try reportingNow(options) {
            var bench = Bench.Options()
            bench.quick = quick
            bench.only = only.compactMap(SuiteName.init(rawValue:))
            bench.connections = try numbers().map { Set($0).sorted() }
            bench.merbridge = merbridge
            do {
                let report = try Bench(bench, progress: Progress { writeError("weir bench: \($0)") }).run()
                // First what cannot fail: a full disk is to cost the files only.
                print(report.text)
                if let json { try ReportPages.write(try JSONText.render(report) + "\n", to: json) }
                try pages.write(report)
                if !report.failures.isEmpty { throw ExitCode(1) }
            } catch let error as Interrupted {
                writeError("weir bench: interrupted; nothing is left behind")
                throw ExitCode(128 + error.signal)
            }
        }
    }

    struct Compare: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare two results of weir bench --json; exit status 1 if a ratio became worse.")

        @Argument(help: "The earlier result.") var before: String
        @Argument(help: "The later one.") var after: String
        @Option(name: .shortAndLong, help: "For people (table) or machines (json).") var output = OutputFormat.table
        @OptionGroup var options: GlobalOptions

        func run() throws {
            try reportingNow(options) {
                let comparison = try Comparison(Report(file: before), Report(file: after))
                print(output == .json ? try JSONText.render(comparison) : comparison.text)
                if comparison.count(.worse) > 0 { throw ExitCode(1) }
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print a result of weir bench --json again.")

        @Argument(help: "The result.") var result: String
        @OptionGroup var pages: ReportPages
        @OptionGroup var options: GlobalOptions

        func run() throws {
            try reportingNow(options) {
                let report = try Report(file: result)
                try pages.write(report)
                print(report.text)
            }
        }
    }
}
