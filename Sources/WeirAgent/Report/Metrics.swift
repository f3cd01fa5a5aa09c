import WeirBPF
import WeirCore

/// The kernel's counters as Prometheus reads them (OpenMetrics 1.0 text format).
enum Metrics {
    static let contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    static func text(_ maps: Maps, _ acceleration: AccelerationStatus?) throws -> String {
        let names = Dictionary(
            try WorkloadTable.read(maps).map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
        let rows = try maps.readCounters()
        var out = ""
        let own = rows.filter { $0.workload != 0 }
        family(&out, "weir_connections", "counter", "Connections by what was decided and why.")
        for row in own {
            out += "weir_connections_total{\(labels(row, names))} \(row.connections)\n"
        }
        family(&out, "weir_connections_failed", "counter", "Connections that were never established.")
        for row in own where row.failed > 0 {
            out += "weir_connections_failed_total{\(labels(row, names))} \(row.failed)\n"
        }
        family(&out, "weir_bytes", "counter", "Payload of closed connections.", unit: "bytes")
        for row in own where row.sentBytes + row.receivedBytes > 0 {
            out += "weir_bytes_total{\(labels(row, names)),flow=\"sent\"} \(row.sentBytes)\n"
            out += "weir_bytes_total{\(labels(row, names)),flow=\"received\"} \(row.receivedBytes)\n"
        }
        let paths = try maps.readPaths()
        family(&out, "weir_messages", "counter", "Messages of accelerated workloads by the path they took and why.")
        for row in paths where row.messages > 0 {
            out += "weir_messages_total{\(labels(row, names))} \(row.messages)\n"
        }
        family(&out, "weir_message_bytes", "counter", "Bytes of these messages.", unit: "bytes")
        for row in paths where row.bytes > 0 {
            out += "weir_message_bytes_total{\(labels(row, names))} \(row.bytes)\n"
        }
        family(&out, "weir_sockets_left_out", "counter", "Sockets that take no part in the short cut, by why.")
        for row in paths where row.sockets > 0 {
            out += "weir_sockets_left_out_total{\(labels(row, names))} \(row.sockets)\n"
        }
        family(&out, "weir_flow_records_lost", "counter", "Records of connections that the ring had no room for.")
        out += "weir_flow_records_lost_total \(rows.filter { $0.workload == 0 }.reduce(0) { $0 + $1.connections })\n"
        family(&out, "weir_workloads", "gauge", "Workloads that are intercepted.")
        out += "weir_workloads \(names.count)\n"
        family(&out, "weir_acceleration_allowed", "gauge", "What the kernel's self-test allows the short cut to do.")
        for one in acceleration?.test?.permissions ?? [] {
            out += "weir_acceleration_allowed{use=\"\(one.use.title)\"} \(one.refusal == nil ? 1 : 0)\n"
        }
        family(&out, "weir_build", "info", "This build.")
        out += "weir_build_info{version=\"\(WeirVersion.current)\"} 1\n"
        return out + "# EOF\n"
    }

    private static func family(
        _ out: inout String, _ name: String, _ type: String, _ help: String, unit: String? = nil
    ) {
        out += "# TYPE \(name) \(type)\n"
        if let unit { out += "# UNIT \(name) \(unit)\n" }
        out += "# HELP \(name) \(help)\n"
    }

    private static func labels(_ row: CounterRow, _ names: [UInt32: String]) -> String {
        let name = escape(names[row.workload] ?? "\(row.workload)")
        return "workload=\"\(name)\",direction=\"\(row.direction.word)\",verdict=\"\(row.verdict.word)\","
            + "reason=\"\(row.reason.word)\",protocol=\"\(row.transport)\",mechanism=\"ebpf\""
    }

    private static func labels(_ row: PathRow, _ names: [UInt32: String]) -> String {
        let name = escape(names[row.workload] ?? "\(row.workload)")
        let path = row.path == .redirect ? "redirect" : "stack"
        return "workload=\"\(name)\",path=\"\(path)\",reason=\"\(row.path.word)\""
    }

    private static func escape(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "\\": out += "\\\\"
            case "\"": out += "\\\""
            case "\n": out += "\\n"
            default: out.append(character)
            }
        }
        return out
    }
}
