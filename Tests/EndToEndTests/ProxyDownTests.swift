import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// What `whenProxyDown` says, happens: in both directions and families, and no longer once the proxy listens.
    @Suite struct ProxyDown {
        @Test(arguments: ["refuse", "fallback", "direct"])
        func happens(_ word: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 27)
            let weir = try Installation([.istio(pod, "whenProxyDown: \(word)")])
            let stubs = [try Listener.outside(of: pod), try Listener.application(in: pod)]
            let agent = try weir.startAgent()
            for family in Family.allCases { try expectDown(word, pod, family) }
            let reason = ["fallback": "proxy_down_fallback", "direct": "proxy_down_direct"][word]
            // Two families, both directions.
            #expect(try weir.connections(of: pod.namespace.name, reason ?? "proxy_down_refused") == 4)

            let proxy = try Listener.proxy(in: pod)
            for family in Family.allCases { try expectUp(word, pod, family) }
            #expect(try weir.connections(of: pod.namespace.name, "inbound") == 2)
            proxy.process.stop()
            for family in Family.allCases { try expectDown(word, pod, family) }
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        private func expectDown(_ word: String, _ pod: Pod, _ family: Family) throws {
            let destination = Endpoint(family.destination(60), 80)
            let outbound = try Attempt.run("blocking", to: destination, in: pod.application)
            observed("\(word), no proxy: outbound over \(family)", outbound)
            let own = Endpoint(pod.address(family), 8080)
            let inbound = try Attempt.run("blocking", to: own, in: pod.outside.place)
            observed("\(word), no proxy: inbound over \(family)", inbound)
            guard word != "refuse" else {
                #expect(outbound.outcome == "refused")
                #expect(inbound.outcome == "refused")
                return
            }
            #expect(outbound.facts?.name == "outside")
            #expect(outbound.facts?.local == destination)
            #expect(outbound.facts?.peer?.address == pod.address(family))
            #expect(outbound.peer == destination)
            #expect(outbound.local?.address == pod.address(family))
            #expect(inbound.facts?.name == "application")
            #expect(inbound.facts?.local == own)
            #expect(inbound.peer == own)
            // Weir's own proxy stands between, or nobody does.
            #expect((outbound.facts?.peer == outbound.local) == (word == "direct"))
            #expect((inbound.facts?.peer == inbound.local) == (word == "direct"))
        }

        private func expectUp(_ word: String, _ pod: Pod, _ family: Family) throws {
            let destination = Endpoint(family.destination(61), 80)
            let outbound = try Attempt.run("blocking", to: destination, in: pod.application)
            #expect(outbound.facts?.name == "proxy", "\(word) over \(family)")
            #expect(outbound.facts?.origin == destination)
            let own = Endpoint(pod.address(family), 8080)
            let inbound = try Attempt.run("blocking", to: own, in: pod.outside.place)
            #expect(inbound.facts?.name == "proxy", "\(word) over \(family)")
            #expect(inbound.facts?.origin == own)
        }

        /// Queries by datagram go by whether somebody takes datagrams at the proxy's DNS port, on the proxy's own address:
        /// a listener there for streams is none for them, and Weir's own proxy takes streams alone.
        @Test(arguments: ["fallback", "direct"])
        func queries(_ word: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 89)
            let weir = try Installation([.istio(pod, "dns: all\nwhenProxyDown: \(word)")])
            let outside = try Listener.outside(of: pod)
            let agent = try weir.startAgent()
            let loopback = Family.allCases.flatMap { ["--address", $0.loopback] }
            let streams = try Listener("proxy", ports: [15053], options: loopback, in: pod.proxy)
            for kind in ["unconnected", "connected"] { try expectAnswered("outside", kind, pod) }
            try expectAnswered("proxy", "tcp", pod)
            streams.process.stop()
            let both = try Listener("proxy", ports: [15053], options: loopback + ["--udp"], in: pod.proxy)
            for kind in ["unconnected", "connected", "tcp"] { try expectAnswered("proxy", kind, pod) }
            both.process.stop()
            for kind in ["unconnected", "connected", "tcp"] { try expectAnswered("outside", kind, pod) }
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            outside.process.stop()
        }

        private func expectAnswered(
            _ name: String, _ kind: String, _ pod: Pod, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            for family in Family.allCases {
                let server = family.destination(53)
                let resolution = try Resolution.run(kind, server: server, in: pod.application)
                observed("\(kind) over \(family)", resolution)
                #expect(resolution.first.facts?.name == name, "\(kind), \(family)", sourceLocation: sourceLocation)
                #expect(resolution.first.from == Endpoint(server, 53), sourceLocation: sourceLocation)
            }
        }

        /// A file with limits of Weir's own proxy.
        private func configure(_ weir: Installation, _ pod: Pod, proxy: String) throws {
            let workload = String.istio(pod, "whenProxyDown: fallback").replacingOccurrences(of: "\n", with: "\n    ")
            try weir.write(
                """
                mechanism: ebpf
                agent: {pins: \(weir.pins), socket: \(weir.socket), listen: "127.0.0.1:\(weir.listen)"}
                proxy: {\(proxy)}
                workloads:
                  - \(workload)
                """)
        }

        /// Has connections that say nothing until the agent ends one.
        private func expectIdleTimeout(_ agent: ChildProcess, _ pod: Pod, _ destination: Endpoint) throws {
            let silence = "exec 3<>/dev/tcp/\(destination.address)/80; read -t 60 -u 3 line"
            let isEnded = try Eventually.value {
                _ = try Command.output(["bash", "-c", silence], in: pod.application)
                return agent.errors.contains("outcome=idle_timeout") ? true : nil
            }
            #expect(isEnded == true)
        }

        /// A reload with other limits: new connections have them, and those that are open go on.
        @Test func limitsFollowAReload() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 80)
            let weir = try Installation()
            try configure(weir, pod, proxy: "idleTimeout: 1h")
            let outside = try Listener.outside(of: pod)
            let agent = try weir.startAgent()
            let destination = Endpoint(Family.ipv4.destination(63), 80)
            let held = try BusyClient(.hold, to: destination, in: pod.application)
            try configure(weir, pod, proxy: "idleTimeout: 1s")
            agent.signal(SIGHUP)
            try agent.waitForLine("configuration applied", in: .errors)
            try expectIdleTimeout(agent, pod, destination)
            #expect(held.waitForProgress())
            #expect(try held.finishHolding().error == nil)
            try weir.succeed(["unload"])
            outside.process.stop()
        }

        /// The file's limits are those of the fallback proxy: one connection at a time, and a short patience with it.
        @Test func limitsHold() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 74)
            let weir = try Installation()
            try configure(weir, pod, proxy: "maxConnections: 1, idleTimeout: 3s")
            let outside = try Listener.outside(of: pod)
            let agent = try weir.startAgent()
            let destination = Endpoint(Family.ipv4.destination(62), 80)
            let held = try BusyClient(.hold, to: destination, in: pod.application)
            let second = try Attempt.run("blocking", to: destination, in: pod.application)
            observed("a connection over the limit", second)
            #expect(second.facts == nil, "two connections at once")
            #expect(held.waitForProgress())
            held.process.stop(SIGKILL)
            try agent.waitForLine("outcome=over_limit", in: .errors)

            // One that says nothing is ended, once its predecessor's place is free.
            try expectIdleTimeout(agent, pod, destination)
            try weir.succeed(["unload"])
            outside.process.stop()
        }

        /// `weir load` leaves no process behind, so it cannot promise one.
        @Test func fallbackNeedsTheAgent() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 28)
            let weir = try Installation([.istio(pod, "whenProxyDown: fallback")])
            let result = try weir.run(["load"])
            #expect(result.status == 2)
            #expect(
                result.errors == "weir: workload \(pod.namespace.name): whenProxyDown: fallback needs a process; "
                    + "start weir agent instead of weir load\n")
            #expect(weir.isGone)
        }
    }
}
