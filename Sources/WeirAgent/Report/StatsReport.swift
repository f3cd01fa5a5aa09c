public import WeirBPF
public import WeirCore
import WeirNFT

/// What `weir stats` shows.
public struct StatsReport: Encodable, Sendable {
    public let schema = "weir.stats/v1"
    public var rows: [Row]
    /// Messages of accelerated workloads.
    public var paths: [Path]

    public struct Row: Encodable, Sendable, Hashable {
        public let workload: String
        /// Who counted. nftables does not know how connections ended, nor what they carried.
        public let mechanism: Mechanism
        public var counter: CounterRow
    }

    public struct Path: Encodable, Sendable, Hashable {
        public let workload: String
        public var path: PathRow
    }

    /// - Parameter name: only this workload; nil for all.
    /// - Throws: also when there is no workload of that name.
    public static func read(_ installed: Installed, _ name: String?) throws -> StatsReport {
        let workloads = try installed.registered()
        let noted = try installed.namespaces.workloads()
        if let name {
            let names = workloads.map(\.name) + noted.map(\.workload.name)
            guard names.contains(name) || names.contains(KernelName.of(name)) else {
                throw UnknownWorkload(name, among: names)
            }
        }
        let isWanted = { (one: String) in name == nil || one == name || one == name.map(KernelName.of) }
        let names = Dictionary(workloads.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
        func owner(_ id: UInt32) -> String { names[id] ?? "removed workload \(id)" }
        var rows = try (installed.interceptor?.maps.readCounters() ?? []).compactMap { row -> Row? in
            row.workload == 0 ? nil : Row(workload: owner(row.workload), mechanism: .ebpf, counter: row)
        }
        for one in noted where name == nil || name == one.workload.name {
            let counted = try installed.namespaces.counters(of: one)?.rows ?? []
            rows += counted.filter { $0.connections > 0 }.map {
                Row(workload: one.workload.name, mechanism: .nftables, counter: CounterRow($0))
            }
        }
        let paths = try (installed.interceptor?.maps.readPaths() ?? []).map {
            Path(workload: owner($0.workload), path: $0)
        }
        return StatsReport(
            rows: rows.filter { isWanted($0.workload) }.sorted { $0.workload < $1.workload },
            paths: paths.filter { isWanted($0.workload) }.sorted { $0.workload < $1.workload })
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
            }, paths: pathsSince(earlier))
    }

    private func pathsSince(_ earlier: StatsReport) -> [Path] {
        let before = Dictionary(
            earlier.paths.map { ([$0.workload, $0.path.path.word], $0.path) }, uniquingKeysWith: { first, _ in first })
        return paths.compactMap { one in
            var one = one
            guard let old = before[[one.workload, one.path.path.word]] else { return one }
            if old == one.path { return nil }
            one.path.messages &-= old.messages
            one.path.bytes &-= old.bytes
            one.path.sockets &-= old.sockets
            return one
        }
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
        return paths.isEmpty ? table.text : table.text + "\n\n" + pathTable
    }

    private var pathTable: String {
        var table = Table(["workload", "messages by", "path", "messages", "bytes", "sockets"], numeric: [3, 4, 5])
        for one in paths {
            table.add([
                one.workload, one.path.path == .redirect ? "short cut" : "stack", one.path.path.word,
                "\(one.path.messages)", Quantity.bytes(one.path.bytes), "\(one.path.sockets)",
            ])
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
