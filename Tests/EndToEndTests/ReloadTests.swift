import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// The configuration changes under traffic.
    @Suite struct Reload {
        private static let destination = Endpoint(Family.ipv4.destination(50), 80)

        /// Port 80 is excluded and included again, twenty times, while connections are open and others are made.
        @Test func connectionsOutliveIt() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 25)
            let stubs = [try Listener.proxy(in: pod), try Listener.outside(of: pod)]
            let weir = try Installation([workload(pod, excluding: 81)])
            let agent = try weir.startAgent()
            let ids = try weir.workloads()
            // Told to, it reads the file also when that has not changed.
            agent.signal(SIGHUP)
            try agent.waitForLine("configuration applied", in: .errors)
            let held = try BusyClient(.hold, to: Self.destination, in: pod.application)
            let heldInbound = try BusyClient(.hold, to: Endpoint(pod.address(.ipv6), 8080), in: pod.outside.place)
            let making = try BusyClient(.make, to: Self.destination, in: pod.application)

            for change in 1...20 {
                let excluded = change % 2 == 1
                try weir.configure([workload(pod, excluding: excluded ? 80 : 81)])
                // The last two are found without being told.
                if change <= 18 { agent.signal(SIGHUP) }
                try expect(excluded ? "direct" : "outbound", weir, pod)
            }
            #expect(held.waitForProgress())
            #expect(heldInbound.waitForProgress())
            #expect(try weir.workloads() == ids)
            #expect(Eventually.value { try? policies(weir) == 1 + 8 ? true : nil } == true, "policies are left")
            try expectOldOrNew(making)
            for client in [held, heldInbound] {
                let result = try client.finishHolding()
                observed("rounds on one connection through twenty changes", result.rounds)
                #expect(result.error == nil)
            }
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// Counters go with their workload: ids are never given again, and a node sees many pods.
        @Test func countersGo() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 85)
            let other = try Namespace()
            try other.ip(["link set lo up", "route add default dev lo"])
            let stays = "{name: stays, selector: {netns: \(other.path)}, mesh: istio}"
            let weir = try Installation([workload(pod, excluding: 81), stays])
            let agent = try weir.startAgent()
            for place in [pod.application, other.place] {
                _ = try Attempt.run("blocking", to: Self.destination, in: place)
            }
            #expect(try weir.connections(of: pod.namespace.name, "proxy_down_refused") == 1)
            try weir.configure([stays])
            agent.signal(SIGHUP)
            try agent.waitForLine("workload removed", in: .errors)
            try agent.waitForLine("configuration applied", in: .errors)
            let stats = try weir.succeed(["stats"])
            #expect(stats.split(separator: "\n").count == 2, "\(stats)")
            #expect(try weir.connections(of: "stays", "proxy_down_refused") == 1)
            try weir.succeed(["unload"])
        }

        /// Each connection was decided by a whole policy: to the proxy with its origin, or to where it wanted.
        private func expectOldOrNew(_ making: BusyClient) throws {
            let reached = try making.finishMaking()
            observed("connections made meanwhile", "\(reached)")
            #expect(Set(reached.keys) == ["proxy \(Self.destination)", "outside None"])
            #expect(reached.values.allSatisfy { $0 > 20 })
        }

        /// Files that cannot be applied: the earlier configuration stays in force, and `weir status` says why.
        @Test func aBadConfigurationChangesNothing() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 26)
            let stubs = [try Listener.proxy(in: pod), try Listener.outside(of: pod)]
            let good = workload(pod, excluding: 81)
            let weir = try Installation([good])
            let agent = try weir.startAgent()
            let bad = [
                (workload(pod, excluding: 80) + "\nwhenProxyDwon: direct", "did you mean \"whenProxyDown\"?"),
                (workload(pod, excluding: 700_000), "\"700000\" is not a port or range of ports"),
            ]
            for (text, sentence) in bad {
                try weir.configure([text])
                try expectRefused(sentence, weir, pod, agent)
            }
            let file = "name: missing\nselector: {netns: /etc/passwd}\nmesh: istio"
            try weir.configure([workload(pod, excluding: 80), file])
            try expectRefused("cannot enter /etc/passwd: invalid argument", weir, pod, agent)
            try weir.write("workloads: [")
            try expectRefused("this is not YAML", weir, pod, agent)

            try weir.configure([workload(pod, excluding: 80)])
            agent.signal(SIGHUP)
            try expect("direct", weir, pod)
            #expect(try Eventually.value { try weir.run(["status"]).status == 0 ? true : nil } == true)
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// What a full disk or half a write leaves of a file is no order to let all traffic pass.
        @Test func aFileCutShortChangesNothing() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 27)
            let stub = try Listener.proxy(in: pod)
            let good = workload(pod, excluding: 81)
            let weir = try Installation([good])
            let agent = try weir.startAgent()
            let text = try String(contentsOfFile: weir.file, encoding: .utf8)
            let head = try #require(text.range(of: "workloads:"))
            for cut in ["", String(text[..<head.lowerBound]), String(text[..<head.upperBound]), "# nothing"] {
                try weir.write(cut)
                try expectRefused("has no list of workloads, as if it had been cut short", weir, pod, agent)
                let validation = try Weir.run(["config", "validate", weir.file])
                #expect(validation.status == 0 && validation.output.contains("is valid: 0 workloads"))
                #expect(validation.output.contains("it has no list of workloads, as if it had been cut short"))
                // Another problem in between, so that the next one is not taken for this one's.
                try weir.write("mechanism: magic")
                try expectRefused("should be one of auto", weir, pod, agent)
            }
            // An empty list is an order, and what it takes out of force is said.
            try weir.configure([])
            agent.signal(SIGHUP)
            let line = try agent.waitForLine("they are not intercepted from now on", in: .errors)
            #expect(
                line.contains("removed=1") && line.contains("workloads=\(pod.namespace.name)")
                    && line.contains("warning"))
            #expect(try weir.workloads().isEmpty)
            try weir.succeed(["unload"])
            stub.process.stop()
        }

        private func expectRefused(
            _ sentence: String, _ weir: Installation, _ pod: Pod, _ agent: ChildProcess,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            agent.signal(SIGHUP)
            // These commands read the same file, so a file that cannot be read tells no command where Weir is: a copy of
            // the good one does.
            let status = try Eventually.value { () -> String? in
                let result = try Weir.run(["status", "--config", try copy(of: weir, pod)])
                return result.status == 1 && result.output.contains(sentence) ? result.output : nil
            }
            observed("status", status?.split(separator: "\n").prefix(3).joined(separator: "; ") ?? "nothing wrong")
            let words = "the configuration on disk is not in force: "
            #expect(status?.contains(words) == true, sourceLocation: sourceLocation)
            #expect(agent.poll() == nil, sourceLocation: sourceLocation)
            let attempt = try Attempt.run("blocking", to: Self.destination, in: pod.application)
            #expect(attempt.facts?.name == "proxy", sourceLocation: sourceLocation)
        }

        private func copy(of weir: Installation, _ pod: Pod) throws -> String {
            try Workspace.write("good.yaml", "agent: {pins: \(weir.pins), socket: \(weir.socket)}\n")
        }

        private func workload(_ pod: Pod, excluding port: Int) -> String {
            .istio(pod, "outbound: {excludePorts: [\(port)]}")
        }

        /// Waits until the kernel decides so, which has to be what then happens.
        private func expect(
            _ verdict: String, _ weir: Installation, _ pod: Pod, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            struct Answer: Decodable { let verdict: String }
            let question = ["explain", pod.namespace.name, Self.destination.description, "-o", "json"]
            let decided = try Eventually.value { () -> Bool? in
                let answer = try JSONDecoder().decode(Answer.self, from: Data(try weir.succeed(question).utf8))
                return answer.verdict == verdict ? true : nil
            }
            #expect(decided == true, "weir explain does not say \(verdict)", sourceLocation: sourceLocation)
            let attempt = try Attempt.run("blocking", to: Self.destination, in: pod.application)
            #expect(attempt.facts?.name == (verdict == "direct" ? "outside" : "proxy"), sourceLocation: sourceLocation)
            #expect(attempt.peer == Self.destination, sourceLocation: sourceLocation)
        }

        /// With those that are not filled yet.
        private func policies(_ weir: Installation) throws -> Int {
            let dump = try Command.run(
                ["bpftool", "-j", "map", "dump", "pinned", "/sys/fs/bpf/\(weir.pins)/maps/weir_policies"])
            return (try JSONSerialization.jsonObject(with: Data(dump.utf8)) as? [Any])?.count ?? -1
        }
    }
}
