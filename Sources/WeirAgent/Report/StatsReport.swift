public import WeirBPF
public import WeirCore
import WeirNFT

/// What `weir stats` shows.
public struct StatsReport: Encodable, Sendable {
    public let schema = "weir.stats/v1"
    public var rows: [Row]

    public struct Row: Encodable, Sendable, Hashable {
        public let workload: String
        /// Who counted. nftables does not know how connections ended, nor what they carried.
        public let mechanism: Mechanism
        public var counter: CounterRow
    }

    /// - Parameter name: only this workload; nil for all.
    /// - Throws: also when there is no workload of that name.
    public static func read(_ installed: Installed, _ name: String?) throws -> StatsReport {
        let workloads = try installed.registered()
        let noted = try installed.namespaces.workloads()
        if let name {
            let names = workloads.map(\.name) + noted.map(\.workload.name)
            guard names.contains(name) else { throw UnknownWorkload(name, among: names) }
        }
        let names = Dictionary(workloads.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
        var rows = try (installed.interceptor?.maps.readCounters() ?? []).compactMap { row -> Row? in
            guard row.workload != 0 else { return nil }
            return Row(workload: names[row.workload] ?? "(gone: \(row.workload))", mechanism: .ebpf, counter: row)
        }
        for one in noted where name == nil || name == one.workload.name {
            let counted = try installed.namespaces.counters(of: one)?.rows ?? []
            rows += counted.filter { $0.connections > 0 }.map {
                Row(workload: one.workload.name, mechanism: .nftables, counter: CounterRow($0))
            }
        }
        return StatsReport(
            rows: rows.filter { name == nil || name == $0.workload }.sorted { $0.workload < $1.workload })
    }

    /// What was added since an earlier reading; rows that did not change are left out.
    public func since(_ earlier: StatsReport) -> StatsReport {
        func key(_ row: Row) -> [String] {
            [
                row.workload, row.counter.direction.word, row.counter.verdict.word, row.counter.reason.word,
                row.counter.transport, row.mechanism.rawValue,
            ]
        }
        let before = Dictionary(earlier.rows.map { (key($0), $0.counter) }, uniquingKeysWith: { first, _ in first })
        return StatsReport(
            rows: rows.compactMap { row in
                var row = row
                guard let old = before[key(row)] else { return row }
                if old == row.counter { return nil }
                row.counter.connections &-= old.connections
                row.counter.failed &-= old.failed
                row.counter.sentBytes &-= old.sentBytes
                row.counter.receivedBytes &-= old.receivedBytes
                return row
            })
    }

    public var text: String {
        if rows.isEmpty { return "no connections yet" }
        var table = Table(
            ["workload", "direction", "verdict", "reason", "proto", "connections", "failed", "sent", "received"],
            numeric: [5, 6, 7, 8])
        for row in rows {
            let counter = row.counter
            table.add(
                [
                    row.workload, counter.direction.word, counter.verdict.word, counter.reason.word, counter.transport,
                    "\(counter.connections)",
                ]
                    + (row.mechanism == .nftables
                        ? ["-", "-", "-"]
                        : [
                            "\(counter.failed)", Quantity.bytes(counter.sentBytes),
                            Quantity.bytes(counter.receivedBytes),
                        ]))
        }
        return table.text
    }
}

/// A name that no workload has.
public struct UnknownWorkload: Error, CustomStringConvertible, Sendable {
    public let description: String

    public init(_ name: String, among workloads: [String]) {
        let names = Set(workloads).sorted().prefix(10).joined(separator: ", ")
        description = "there is no workload \"\(name)\"; there \(names.isEmpty ? "are none" : "is \(names)")"
    }
}

extension CounterRow {
    fileprivate init(_ row: NFTCounters.Row) {
        self.init(
            workload: 0, direction: row.direction, verdict: row.verdict, reason: row.reason,
            transport: "\(row.transport)", connections: row.connections, failed: 0, sentBytes: 0, receivedBytes: 0)
    }
}
