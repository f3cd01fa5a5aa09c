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
