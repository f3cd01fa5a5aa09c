import WeirBPF
import WeirCore

/// The kernel's counters as Prometheus reads them (OpenMetrics 1.0 text format).
enum Metrics {
    static let contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    /// - Parameter isReady: whether the kernel holds what the configuration wants.
    /// - Parameter hasConfiguration: whether the file on disk is in force.
    /// - Parameter acceleration: nil when the self-test has not run.
    /// - Parameter repairs: how often what was found gone and put back.
    /// - Parameter skippedObjects: nil when no pods are followed.
    /// - Parameter absent: how many workloads of the configuration are not there.
    /// - Parameter proxies: whether each workload's proxy listens.
    static func text(
        _ installed: Installed, isReady: Bool, hasConfiguration: Bool, _ acceleration: AccelerationStatus?,
        _ repairs: [Restoration.Subject: UInt64],
        skippedObjects: Int? = nil, absent: Int = 0, proxies: [(workload: String, health: ProxyHealth)] = []
    ) throws -> String {
        let report = try StatsReport.read(installed, nil)
        let (own, paths) = (report.rows, report.paths)
        let rows = try installed.interceptor?.maps.readCounters() ?? []
        let lost = rows.filter { $0.workload == 0 }.reduce(0) { $0 + $1.connections }
        var out = ""
        family(&out, "weir_connections", "counter", "Connections by what was decided and why.")
        samples(&out, "weir_connections_total", own) { [(labels($0), $0.counter.connections)] }
        family(&out, "weir_connections_failed", "counter", "Connections that were never established.")
        samples(&out, "weir_connections_failed_total", own.filter { $0.counter.failed > 0 }) {
            [(labels($0), $0.counter.failed)]
        }
        family(&out, "weir_bytes", "counter", "Payload of closed connections.", unit: "bytes")
        samples(&out, "weir_bytes_total", own.filter { $0.counter.sentBytes > 0 || $0.counter.receivedBytes > 0 }) {
            [
                ("\(labels($0)),flow=\"sent\"", $0.counter.sentBytes),
                ("\(labels($0)),flow=\"received\"", $0.counter.receivedBytes),
            ]
        }
        family(&out, "weir_messages", "counter", "Messages of accelerated workloads by the path they took and why.")
        samples(&out, "weir_messages_total", paths.filter { $0.path.messages > 0 }) {
            [(labels($0), $0.path.messages)]
        }
        family(&out, "weir_message_bytes", "counter", "Bytes of these messages.", unit: "bytes")
        samples(&out, "weir_message_bytes_total", paths.filter { $0.path.bytes > 0 }) { [(labels($0), $0.path.bytes)] }
        family(&out, "weir_sockets_left_out", "counter", "Sockets that take no part in the short cut, by why.")
        samples(&out, "weir_sockets_left_out_total", paths.filter { $0.path.sockets > 0 }) {
            [(labels($0), $0.path.sockets)]
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
        family(&out, "weir_workloads_absent", "gauge", "Workloads of the configuration that are not there.")
        out += "weir_workloads_absent \(absent)\n"
        family(&out, "weir_ready", "gauge", "Whether what the configuration wants is in force, as /readyz says.")
        out += "weir_ready \(isReady ? 1 : 0)\n"
        family(&out, "weir_configuration_in_force", "gauge", "Whether the configuration on disk is in force.")
        out += "weir_configuration_in_force \(hasConfiguration ? 1 : 0)\n"
        family(&out, "weir_proxy_listening", "gauge", "Whether the proxy takes connections at a port they are sent to.")
        listening(&out, proxies)
        family(&out, "weir_repairs", "counter", "What of the interception was gone and was put back.")
        for subject in Restoration.Subject.allCases {
            out += "weir_repairs_total{what=\"\(subject.rawValue)\"} \(repairs[subject] ?? 0)\n"
        }
        if let skippedObjects {
            family(&out, "weir_pod_objects_skipped", "counter", "Objects of the API server that cannot be read.")
            out += "weir_pod_objects_skipped_total \(skippedObjects)\n"
        }
        family(&out, "weir_build", "info", "This build.")
        out += "weir_build_info{version=\"\(WeirVersion.current)\"} 1\n"
        return out + "# EOF\n"
    }

    /// Of workloads with one name the worst is given.
    private static func listening(_ out: inout String, _ proxies: [(workload: String, health: ProxyHealth)]) {
        var values: [String: Int] = [:]
        for (workload, health) in proxies {
            for port in health.ports where port.isUsed && port.state != .unknown {
                let labels =
                    "workload=\"\(escape(workload))\",use=\"\(port.use.word)\",port=\"\(port.port)\","
                    + "protocol=\"\(port.transport)\",family=\"\(port.family.lowercased())\""
                values[labels] = min(values[labels] ?? 1, port.state == .listening ? 1 : 0)
            }
        }
        for (labels, value) in values.sorted(by: { $0.key < $1.key }) {
            out += "weir_proxy_listening{\(labels)} \(value)\n"
        }
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

    /// No series comes twice, which would cost the whole page: of workloads that have one name, such as a pod and the one
    /// that takes its place, the sum is given.
    private static func samples<Row>(
        _ out: inout String, _ name: String, _ rows: [Row], _ values: (Row) -> [(labels: String, value: UInt64)]
    ) {
        var order: [String] = []
        var sums: [String: UInt64] = [:]
        for (labels, value) in rows.flatMap(values) {
            if sums[labels] == nil { order.append(labels) }
            sums[labels, default: 0] &+= value
        }
        for labels in order { out += "\(name){\(labels)} \(sums[labels] ?? 0)\n" }
    }

    /// Scalar by scalar: a quote with a combining mark after it is one character, and ends the value none the less.
    private static func escape(_ text: String) -> String {
        var out = ""
        for scalar in text.printable.unicodeScalars {
            if scalar == "\\" || scalar == "\"" { out += "\\" }
            out.unicodeScalars.append(scalar)
        }
        return out
    }
}
