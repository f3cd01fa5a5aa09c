import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// What the agent writes to stderr, as the configuration's `log` says.
    @Suite struct Logs {
        private struct Line: Decodable {
            let time, level, scope, message: String
        }

        /// Of Weir's own proxy, about a connection.
        private struct Access: Decodable {
            let outcome: String
            let destination: String

            private enum CodingKeys: String, CodingKey {
                case outcome
                case destination = "dst.addr"
            }
        }

        private func configure(_ weir: Installation, log: String) throws {
            let text = try String(contentsOfFile: weir.file, encoding: .utf8)
            try weir.write(text + "\nlog: {\(log)}\n")
        }

        /// Every line is an object; what an event has beside stands under its own name.
        @Test func json() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 86)
            let outside = try Listener.outside(of: pod)
            let weir = try Installation([
                "{name: shop, selector: {netns: \(pod.namespace.path)}, mesh: istio, whenProxyDown: fallback}"
            ])
            try configure(weir, log: "format: json")
            let agent = try weir.startAgent()
            let destination = Endpoint(Family.ipv4.destination(66), 80)
            _ = try Attempt.run("blocking", to: destination, in: pod.application)
            let access = try agent.waitForLine("outcome", in: .errors)
            let record = try JSONDecoder().decode(Access.self, from: Data(access.utf8))
            #expect(record.outcome == "closed" && record.destination == destination.description)
            try weir.succeed(["unload"])
            let errors = try agent.wait().errors
            let lines = try errors.split(separator: "\n").filter { $0 != access }.map {
                try JSONDecoder().decode(Line.self, from: Data($0.utf8))
            }
            let ready = try #require(lines.first { $0.message == "agent ready" })
            #expect(ready.level == "info" && ready.scope == "weir")
            #expect(ready.time.contains(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/))
            let registered = try #require(errors.split(separator: "\n").first { $0.contains("workload registered") })
            let fields = try JSONDecoder().decode([String: String].self, from: Data(registered.utf8))
            #expect(fields["workload"] == "shop" && fields["mechanism"] == "ebpf")
            outside.process.stop()
        }

        /// Pods name themselves and their annotations as they like, also to forge lines.
        @Test func anEventIsOneLine() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let forged = #"80\n2026-01-01T00:00:00+0000 info weir: [WeirAgent] forged\u001b[31m\u202e\u0085"#
            let pod = try SimulatedPod(
                number: 0, annotations: "\"traffic.sidecar.istio.io/excludeOutboundPorts\": \"\(forged)\"")
            let server = try FakeAPIServer()
            try server.put(pod.object)
            let weir = try Installation()
            try weir.configure([], kubernetes: server)
            let agent = try weir.startAgent()
            _ = try agent.waitForLine("pods are known", in: .errors)
            #expect(try weir.cni("add", [pod]).problems.first?.contains("forged") == true)
            let status = try weir.run(["status"]).output
            let others = try weir.run(["workloads", "--others"]).output
            let json = try weir.run(["workloads", "--others", "-o", "json"]).output
            #expect(status.contains("forged") && others.contains("forged") && json.contains("forged"))
            for text in [status, others, json, agent.errors] {
                #expect(!text.unicodeScalars.contains { "\u{1b}\u{202e}\u{85}".unicodeScalars.contains($0) }, "\(text)")
                #expect(!text.split(separator: "\n").contains { $0.hasPrefix("2026-01-01") }, "\(text)")
            }
            try weir.succeed(["unload"])
        }

        /// What is below the level is not written.
        @Test func level() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let weir = try Installation()
            try configure(weir, log: "level: error")
            let agent = try Weir.start(["agent", "--config", weir.file])
            let isRunning = try Eventually.value {
                try weir.run(["status"]).output.contains("agent      running") ? true : nil
            }
            #expect(isRunning == true)
            #expect(agent.errors == "")
            try weir.write("workloads: 1\n")
            agent.signal(SIGHUP)
            try agent.waitForLine("configuration not applied", in: .errors)
            agent.stop()
            try weir.configure([])
            try weir.succeed(["unload"])
        }

        /// A reload says what it cannot change, and goes on with what it had.
        @Test func settingsOfTheProcess() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let weir = try Installation()
            let agent = try weir.startAgent()
            let namespace = try Namespace()
            try weir.configure(
                ["{name: shop, selector: {netns: \(namespace.path)}, mesh: istio}"], agent: "unloadOnStop: true")
            let text = try String(contentsOfFile: weir.file, encoding: .utf8)
            try weir.write(text.replacingOccurrences(of: "pins: \(weir.pins)", with: "pins: \(weir.pins)-other"))
            agent.signal(SIGHUP)
            try agent.waitForLine("what the file says of agent and log counts when the agent starts again", in: .errors)
            try agent.waitForLine("workloads=1 [WeirAgent] configuration applied", in: .errors)
            #expect(agent.stop().status == 0)
            #expect(weir.isGone, "unloadOnStop came with the reload")
        }
    }
}
