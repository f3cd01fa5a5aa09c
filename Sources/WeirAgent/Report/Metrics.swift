import WeirBPF
import WeirCore

/// The kernel's counters as Prometheus reads them (OpenMetrics 1.0 text format).
enum Metrics {
    static let contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    /// - Parameter acceleration: nil when the self-test has not run.
    /// - Parameter skippedObjects: nil when no pods are followed.
    static func text(
        _ installed: Installed, _ acceleration: AccelerationStatus?, skippedObjects: Int? = nil
    ) throws -> String {
        let report = try StatsReport.read(installed, nil)
        let (own, paths) = (report.rows, report.paths)
        let rows = try installed.interceptor?.maps.readCounters() ?? []
        let lost = rows.filter { $0.workload == 0 }.reduce(0) { $0 + $1.connections }
        var out = ""
        family(&out, "weir_connections", "counter", "Connections by what was decided and why.")
        for row in own {
            out += "weir_connections_total{\(labels(row))} \(row.counter.connections)\n"
        }
        family(&out, "weir_connections_failed", "counter", "Connections that were never established.")
        for row in own where row.counter.failed > 0 {
            out += "weir_connections_failed_total{\(labels(row))} \(row.counter.failed)\n"
        }
        family(&out, "weir_bytes", "counter", "Payload of closed connections.", unit: "bytes")
        for row in own where row.counter.sentBytes + row.counter.receivedBytes > 0 {
            out += "weir_bytes_total{\(labels(row)),flow=\"sent\"} \(row.counter.sentBytes)\n"
            out += "weir_bytes_total{\(labels(row)),flow=\"received\"} \(row.counter.receivedBytes)\n"
        }
        family(&out, "weir_messages", "counter", "Messages of accelerated workloads by the path they took and why.")
        for row in paths where row.path.messages > 0 {
            out += "weir_messages_total{\(labels(row))} \(row.path.messages)\n"
        }
        family(&out, "weir_message_bytes", "counter", "Bytes of these messages.", unit: "bytes")
        for row in paths where row.path.bytes > 0 {
            out += "weir_message_bytes_total{\(labels(row))} \(row.path.bytes)\n"
        }
        family(&out, "weir_sockets_left_out", "counter", "Sockets that take no part in the short cut, by why.")
        for row in paths where row.path.sockets > 0 {
            out += "weir_sockets_left_out_total{\(labels(row))} \(row.path.sockets)\n"
        }
        family(&out, "weir_flow_records_lost", "counter", "Records of connections that the ring had no room for.")
        out += "weir_flow_records_lost_total \(lost)\n"
        family(&out, "weir_workloads", "gauge", "Workloads that are intercepted.")
        let count = try installed.registered().count + installed.ruled().count
        out += "weir_workloads \(count)\n"
        family(&out, "weir_acceleration_allowed", "gauge", "What the kernel's self-test allows the short cut to do.")
        for one in acceleration?.test?.permissions ?? [] {
            out += "weir_acceleration_allowed{use=\"\(one.use.title)\"} \(one.refusal == nil ? 1 : 0)\n"
        }
        if let skippedObjects {
            family(&out, "weir_pod_objects_skipped", "counter", "Objects of the API server that cannot be read.")
            out += "weir_pod_objects_skipped_total \(skippedObjects)\n"
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

    private static func labels(_ row: StatsReport.Row) -> String {
        let counter = row.counter
        return "workload=\"\(escape(row.workload))\",direction=\"\(counter.direction.word)\","
            + "verdict=\"\(counter.verdict.word)\",reason=\"\(counter.reason.word)\","
            + "protocol=\"\(counter.transport)\",mechanism=\"\(row.mechanism.rawValue)\""
    }

    private static func labels(_ row: StatsReport.Path) -> String {
        let path = row.path.path == .redirect ? "redirect" : "stack"
        return "workload=\"\(escape(row.workload))\",path=\"\(path)\",reason=\"\(row.path.path.word)\""
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
