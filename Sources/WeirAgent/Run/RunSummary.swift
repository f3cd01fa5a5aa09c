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
    let flows: FlowTally

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
        /// The first 10,000.
        public let flows: [FlowRecord]
        /// How many more there were.
        public let flowsLeftOut: Int
    }

    public var report: Report {
        Report(
            command: command, exitCode: exitCode, redirected: total { $0.verdict != .direct },
            passed: total { $0.verdict == .direct }, counters: own, flows: flows.records,
            flowsLeftOut: flows.count - flows.records.count)
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
            "", "weir: \(command.printable) ended with status \(exitCode): \(redirected) redirected, \(passed) passed",
        ]
        if endedProcesses > 0 { lines.append("weir: ended \(endedProcesses) of its processes that were still running") }
        if own.isEmpty { return (lines + ["weir: it made no connection"]).joined(separator: "\n") }
        lines += ["", reasons.text]
        if flows.count > 0 { lines += ["", destinations.text] }
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
        var table = Table(
            ["destination", "went to", "reason", "connections", "failed", "sent", "received"], numeric: [3, 4, 5, 6])
        let rows = flows.sums.sorted {
            ($1.value.connections, $0.key.address) < ($0.value.connections, $1.key.address)
        }
        func add(_ words: [String], _ sum: FlowTally.Sum) {
            table.add(
                words + ["\(sum.connections)", "\(sum.failed)", Quantity.bytes(sum.sent), Quantity.bytes(sum.received)])
        }
        for (key, sum) in rows.prefix(20) { add([key.address, key.target, key.reason], sum) }
        if rows.count > 20 { table.add(["… and \(rows.count - 20) more", "", "", "", "", "", ""]) }
        if flows.others.connections > 0 { add(["… and others, not told apart", "", ""], flows.others) }
        return table
    }
}
