import ArgumentParser
import Foundation
import Glibc
import WeirAgent
import WeirBench

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure on this node, side by side: no interception, iptables, nftables, and Weir.",
        discussion: """
            Everything happens in namespaces and a cgroup of the run's own, and goes with it; a Weir that works on this \
            node is not touched. The machine should have nothing else to do. ^C ends it at any time.
            """,
        subcommands: [Compare.self])

    @Flag(help: "Fewer points and rounds: under five minutes.") var quick = false
    @Option(help: "Only this suite; may be given more than once: \(Self.suites).") var only: [String] = []
    @Option(help: "Client connections at which latency is measured, such as 1,10,100.")
    var connections = "1,2,5,10,25,50,100"
    @Option(help: "Write the result to this file, for weir bench compare.") var json: String?
    @Option(help: "Write the report to this file as one page with curves.") var html: String?
    @Option(help: "Write the report to this file as Markdown, and its curves beside it as SVG.") var markdown: String?
    @OptionGroup var options: GlobalOptions

    private static let suites = SuiteName.allCases.map(\.rawValue).joined(separator: ", ")

    func validate() throws {
        if let unknown = only.first(where: { SuiteName(rawValue: $0) == nil }) {
            throw ValidationError("There is no suite \"\(unknown)\"; use \(Self.suites).")
        }
        _ = try numbers()
        // Not after minutes of measuring.
        for path in [json, html, markdown].compactMap(\.self) where access(Self.folder(of: path), W_OK) != 0 {
            throw ValidationError(
                "\(path) cannot be written: \(Self.folder(of: path)) \(String(cString: strerror(errno)).lowercased()).")
        }
    }

    /// A load generator has 500 connections at most, and each family has one.
    private func numbers() throws -> [Int] {
        try connections.split(separator: ",", omittingEmptySubsequences: false).map { text in
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
            bench.connections = Array(Set(try numbers())).sorted()
            do {
                let report = try Bench(bench, progress: Progress { writeError("weir bench: \($0)") }).run()
                if let json { try Self.write(try JSONText.render(report) + "\n", to: json) }
                if let html { try Self.write(report.html, to: html) }
                if let markdown { try Self.write(report.markdown, to: markdown) }
                print(report.text)
                if !report.failures.isEmpty { throw ExitCode(1) }
            } catch let error as Interrupted {
                writeError("weir bench: interrupted; nothing is left behind")
                throw ExitCode(128 + error.signal)
            }
        }
    }

    private static func folder(of path: String) -> String {
        let folder = (path as NSString).deletingLastPathComponent
        return folder.isEmpty ? "." : folder
    }

    private static func write(_ markdown: (text: String, pictures: [String: String]), to path: String) throws {
        try write(markdown.text, to: path)
        for (name, picture) in markdown.pictures { try write(picture, to: "\(folder(of: path))/\(name)") }
    }

    private static func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
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
}
