import Glibc
public import WeirBPF
import WeirCore

/// What `weir run` prints at the end.
public struct RunSummary: Sendable {
    public let command: String
    /// As waitpid(2) gives it.
    public let status: Int32
    /// Processes of the command that were still running and were ended.
    public let endedProcesses: Int
    public let counters: [CounterRow]
    public let flows: [FlowRecord]

    /// The shell's convention: the command's own exit code, or 128 and the signal that ended it.
    public var exitCode: Int32 {
        status & 0x7f == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f)
    }

    /// The summary for machines.
    public struct Report: Encodable, Sendable {
        public let schema = "weir.run/v1"
        public let command: String
        public let exitCode: Int32
        public let redirected: UInt64
        public let passed: UInt64
        public let counters: [CounterRow]
        public let flows: [FlowRecord]
    }

    public var report: Report {
        Report(
            command: command, exitCode: exitCode, redirected: total { $0.verdict != .direct },
            passed: total { $0.verdict == .direct }, counters: own, flows: flows)
    }

    /// Counters of workload 0 are about lost records, not about the command.
    private var own: [CounterRow] { counters.filter { $0.workload != 0 } }

    private func total(_ isWanted: (CounterRow) -> Bool) -> UInt64 {
        own.filter(isWanted).reduce(0) { $0 + $1.connections }
    }

    /// The summary for people.
    public var text: String {
        let redirected = total { $0.verdict != .direct }
        let passed = total { $0.verdict == .direct }
        var lines = [
            "", "weir: \(command) ended with status \(exitCode): \(redirected) redirected, \(passed) passed",
        ]
        if endedProcesses > 0 { lines.append("weir: ended \(endedProcesses) of its processes that were still running") }
        if own.isEmpty { return (lines + ["weir: it made no connection"]).joined(separator: "\n") }
        lines += ["", reasons.text]
        if !flows.isEmpty { lines += ["", destinations.text] }
        let lost = counters.filter { $0.workload == 0 }.reduce(0) { $0 + $1.connections }
        if lost > 0 { lines.append("weir: \(lost) records of connections were lost; the counters above have them all") }
        return lines.joined(separator: "\n")
    }

    private var reasons: Table {
        var table = Table(
            ["verdict", "reason", "proto", "connections", "failed", "sent", "received"], numeric: [3, 4, 5, 6])
        for row in own {
            table.add([
                row.verdict.word, row.reason.word, row.transport, "\(row.connections)", "\(row.failed)",
                Quantity.bytes(row.sentBytes), Quantity.bytes(row.receivedBytes),
            ])
        }
        return table
    }

    /// The destinations with the most connections.
    private var destinations: Table {
        struct Sum {
            var connections = 0, failed = 0
            var sent: UInt64 = 0, received: UInt64 = 0
        }
        var sums: [[String]: Sum] = [:]
        for flow in flows {
            let key = [flow.destination, flow.verdict == .direct ? "itself" : flow.target, flow.reason.word]
            sums[key, default: Sum()].connections += 1
            sums[key, default: Sum()].failed += flow.end == .failed ? 1 : 0
            sums[key, default: Sum()].sent += flow.sentBytes ?? 0
            sums[key, default: Sum()].received += flow.receivedBytes ?? 0
        }
        var table = Table(
            ["destination", "went to", "reason", "connections", "failed", "sent", "received"], numeric: [3, 4, 5, 6])
        let rows = sums.sorted { ($1.value.connections, $0.key[0]) < ($0.value.connections, $1.key[0]) }
        for (key, sum) in rows.prefix(20) {
            table.add(
                key + ["\(sum.connections)", "\(sum.failed)", Quantity.bytes(sum.sent), Quantity.bytes(sum.received)])
        }
        if rows.count > 20 { table.add(["… and \(rows.count - 20) more", "", "", "", "", "", ""]) }
        return table
    }
}
