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
            """)

    @Flag(help: "Fewer points and rounds: a few minutes.") var quick = false
    @Option(help: "Only this suite; may be given more than once: \(Self.suites).") var only: [String] = []
    @Option(help: "Client connections at which latency is measured, such as 1,10,100.")
    var connections = "1,2,5,10,25,50,100"
    @Option(help: "Write the result to this file, for weir bench compare.") var json: String?
    @OptionGroup var options: GlobalOptions

    private static let suites = SuiteName.allCases.map(\.rawValue).joined(separator: ", ")

    func validate() throws {
        if let unknown = only.first(where: { SuiteName(rawValue: $0) == nil }) {
            throw ValidationError("There is no suite \"\(unknown)\"; use \(Self.suites).")
        }
        _ = try numbers()
    }

    /// 1 to 1000 connections: a worker has 500 at most.
    private func numbers() throws -> [Int] {
        try connections.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let number = Int(text), (1...1000).contains(number) else {
                throw ValidationError("--connections takes numbers from 1 to 1000, such as 1,10,100, and not \"\(text)\".")
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
                if let json { try write(try JSONText.render(report), to: json) }
                print(report.text)
            } catch let error as Interrupted {
                writeError("weir bench: interrupted; nothing is left behind")
                throw ExitCode(128 + error.signal)
            }
        }
    }

    private func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}
