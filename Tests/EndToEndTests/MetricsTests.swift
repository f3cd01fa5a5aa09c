import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// What a scraper gets of `/metrics`, read with the reference parser of OpenMetrics.
    @Suite struct MetricsPage {
        private struct Page: Decodable {
            struct Sample: Decodable {
                let name: String
                let labels: [String: String]
                let value: Double
            }

            let content_type: String
            let types: [String: String]
            let samples: [Sample]

            init(_ weir: Installation) throws {
                let url = "http://127.0.0.1:\(weir.listen)/metrics"
                let text = try Command.run(["/usr/bin/python3", Workspace.fixture("metrics.py"), url])
                self = try JSONDecoder().decode(Page.self, from: Data(text.utf8))
            }

            /// The sum of the samples that have these labels, and perhaps others.
            func sum(_ name: String, _ labels: [String: String] = [:]) -> Double {
                samples.filter { one in
                    one.name == name && labels.allSatisfy { one.labels[$0.key] == $0.value }
                }.reduce(0) { $0 + $1.value }
            }
        }

        @Test(arguments: ["ebpf", "nftables"])
        func countersMove(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 81)
            let stubs = [try Listener.proxy(in: pod), try Listener.outside(of: pod)]
            let weir = try Installation(
                [.istio(pod, "annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: \"9000\"}")],
                mechanism: mechanism)
            let agent = try weir.startAgent()
            let before = try Page(weir)
            #expect(before.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8")
            #expect(before.types["weir_connections"] == "counter" && before.types["weir_bytes"] == "counter")
            #expect(before.types["weir_workloads"] == "gauge" && before.types["weir_build"] == "info")
            #expect(before.sum("weir_workloads") == 1)
            #expect(before.sum("weir_connections_total") == 0)
            #expect(before.samples.contains { $0.name == "weir_build_info" && $0.labels["version"] != nil })

            for port in [80, 80, 9000] {
                let attempt = try Attempt.run(
                    "blocking", to: Endpoint(Family.ipv4.destination(64), port), in: pod.application)
                #expect(attempt.facts?.name == (port == 80 ? "proxy" : "outside"))
            }
            let labels = [
                "workload": pod.namespace.name, "direction": "outbound", "protocol": "tcp", "mechanism": mechanism,
            ]
            func with(_ verdict: String, _ reason: String) -> [String: String] {
                labels.merging(["verdict": verdict, "reason": reason]) { $1 }
            }
            let after = try Page(weir)
            #expect(after.sum("weir_connections_total", with("outbound", "outbound")) == 2)
            #expect(after.sum("weir_connections_total", with("direct", "excluded_port")) == 1)
            #expect(after.sum("weir_connections_total") == 3)
            if mechanism == "ebpf" {
                // They are counted when the client's end has closed, which may be after the client has.
                let bytes = try Eventually.value { () -> Double? in
                    let page = try Page(weir)
                    let received = page.sum(
                        "weir_bytes_total", with("outbound", "outbound").merging(["flow": "received"]) { $1 })
                    return received > 0 ? received : nil
                }
                #expect(bytes != nil)
            }
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// Of datagrams that are sent one by one only DNS is counted, also where it is let pass.
        @Test func queriesThatPass() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 97)
            let outside = try Listener.outside(of: pod)
            let weir = try Installation([.istio(pod)])
            try weir.load()
            for family in Family.allCases {
                for port in ["53", "9000"] {
                    let resolution = try Resolution.run(
                        "unconnected", server: family.destination(53), options: [port], in: pod.application)
                    #expect(resolution.first.facts?.name == "outside")
                }
            }
            let counted = try weir.counters(of: pod.namespace.name)
            #expect(counted.map(\.transport) == ["udp"] && counted.map(\.verdict) == ["direct"])
            #expect(counted.map(\.connections) == [2])
            try weir.succeed(["unload"])
            outside.process.stop()
        }

        /// Names of pods are longer than the kernel's field; those of one deployment differ at their ends alone.
        @Test func longNamesStayApart() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let names = ["a", "b"].map { String(repeating: "checkout-service-", count: 8) + $0 }
            let pods = try names.enumerated().map { try SimulatedPod(number: $0, name: $1) }
            let server = try FakeAPIServer()
            for pod in pods { try server.put(pod.object) }
            let weir = try Installation()
            try weir.configure([], kubernetes: server)
            let agent = try weir.startAgent()
            #expect(try weir.cni("add", pods).intercepted == 2)
            for pod in pods {
                try pod.namespace.ip(["link set lo up"])
                _ = try Attempt.run("blocking", to: Endpoint("127.0.0.1", 9), in: pod.namespace.place)
            }
            let page = try Page(weir)
            let labels = Set(
                page.samples.filter { $0.name == "weir_connections_total" }.compactMap { $0.labels["workload"] })
            #expect(labels.count == 2, "\(labels)")
            #expect(Set(try weir.workloads().keys) == labels)
            // Each is found by its whole name, too.
            for name in names {
                let stats = try weir.succeed(["stats", "shop/\(name)"])
                #expect(stats.split(separator: "\n").count == 2, "\(stats)")
                try weir.succeed(["explain", "shop/\(name)", "192.0.2.1:80"])
            }
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
        }

        /// What ends a line or a value, also where it is half of what people see as one character.
        @Test func linesAndValuesHaveOneEnd() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 82)
            let weir = try Installation([
                #"{name: "a\"\u0301\r\nweir_forged 1\e[2J", selector: {netns: \#(pod.namespace.path)}, mesh: istio}"#
            ])
            let agent = try weir.startAgent()
            _ = try Attempt.run("blocking", to: Endpoint("192.0.2.1", 80), in: pod.application)
            let page = try Page(weir)
            #expect(!page.samples.contains { $0.name == "weir_forged" })
            let name = #"a"\#u{301}\r\nweir_forged 1\u{1b}[2J"#
            #expect(page.sum("weir_connections_failed_total", ["workload": name]) == 1)
            for command in [["status"], ["workloads"], ["stats"], ["check", "--category", "workloads"]] {
                let output = try weir.run(command).output
                #expect(output.contains(name) && !output.contains("\u{1b}") && !output.contains("\r"), "\(output)")
                #expect(!output.split(separator: "\n").contains { $0.hasPrefix("weir_forged") }, "\(output)")
            }
            let log = try agent.waitForLine("workload registered", in: .errors)
            #expect(log.contains("workload=\(name)"))
            #expect(!agent.errors.split(separator: "\n").contains { $0.hasPrefix("weir_forged") })
            try weir.succeed(["unload"])
        }

        /// A name with everything that the format escapes.
        @Test func namesAreEscaped() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 82)
            let name = #"a "quoted" back\slash"#
            let weir = try Installation([
                "{name: '\(name)', selector: {netns: \(pod.namespace.path)}, mesh: istio}"
            ])
            let agent = try weir.startAgent()
            _ = try Attempt.run("blocking", to: Endpoint("192.0.2.1", 80), in: pod.application)
            #expect(try Page(weir).sum("weir_connections_failed_total", ["workload": name]) == 1)
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
        }
    }
}
