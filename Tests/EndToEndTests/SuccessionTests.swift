import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Agents that find programs whose maps have another layout, as after an upgrade or on the way back from one.
    @Suite struct Succession {
        /// The maps say that they are of another version; an agent that took them for its own would change nothing else.
        @Test("Upgrade and way back under load: no connection fails or loses its origin")
        func underLoad() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let (busy, quiet) = (try Pod(number: 34), try Pod(number: 35))
            let weir = try Installation([.istio(busy), .istio(quiet)])
            let server = try StormServer(in: busy.proxy)
            let stubs = [try Listener.proxy(in: quiet), try Listener.outside(of: quiet)]
            var agent = try weir.startAgent()
            let clients = try Self.destinations(quiet).map { destination, place in
                (
                    try BusyClient(.hold, to: destination, in: place),
                    try BusyClient(.make, to: destination, in: place), destination
                )
            }
            let count = 300_000
            let storm = try Storm.start(.storm, connections: count, open: 2_000, in: busy.application)
            for (what, difference) in [("upgrade", -1), ("way back", 1)] {
                try waitForConnections(weir, busy)
                let old = try weir.maps()
                agent.stop()
                try weir.pretendVersion(difference)
                agent = try weir.startAgent()
                #expect(agent.errors.contains("took over from programs of another version"))
                let new = try weir.maps()
                #expect(old.count == new.count)
                #expect(Set(old.values).isDisjoint(with: new.values), "a map was taken over")
                try waitForConnections(weir, busy)
                #expect(storm.poll() == nil, "the load had ended before")
                for (held, making, _) in clients {
                    #expect(held.waitForProgress())
                    #expect(making.waitForProgress())
                }
                observed(what, "maps \(old["weir_socks"] ?? 0) -> \(new["weir_socks"] ?? 0)")
            }
            #expect(weir.predecessors.count == 2)
            for (held, making, destination) in clients {
                let (held, made) = (try held.finishHolding(), try making.finishMaking())
                observed("\(destination)", "held for \(held.rounds) rounds, made \(made)")
                #expect(held.error == nil)
                #expect(Set(made.keys) == ["proxy \(destination)"])
            }
            let result = try Storm.finish(storm)
            observed("storm", result)
            #expect(result.ok == count)
            #expect(result.wrongOrigin + result.lostOrigin + result.dropped + result.errors == 0)
            #expect(try server.finish().match == count)
            #expect(try weir.unload().status == 0)
            #expect(weir.isGone)
            #expect(agent.poll() == 0)
            for stub in stubs { stub.process.stop() }
        }

        /// Outbound and inbound of each family, and from where.
        private static func destinations(_ pod: Pod) -> [(Endpoint, Place)] {
            Family.allCases.flatMap { family in
                [
                    (Endpoint(family.destination(40), 80), pod.application),
                    (Endpoint(pod.address(family), 8080), pod.outside.place),
                ]
            }
        }

        /// What decides is in one place at any moment: here, that is the old installation for as long as nobody tells
        /// the new agent which pods there are.
        @Test func podsAreTakenOverWhenTheyAreKnown() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let server = try FakeAPIServer()
            let pod = try SimulatedPod(number: 0)
            let late = try SimulatedPod(number: 1)
            for one in [pod, late] { try server.put(one.object) }
            let weir = try Installation()
            try weir.configure([], kubernetes: server)
            let first = try weir.startAgent()
            try first.waitForLine("pods are known", in: .errors)
            #expect(try weir.cni("add", [pod]).intercepted == 1)
            first.stop()
            let old = try weir.maps()
            try weir.pretendVersion(-1)

            try server.require(token: "another")
            let second = try weir.startAgent()
            let refused = try weir.cni("add", [late])
            #expect(refused.intercepted == 0)
            #expect(refused.problems.first?.hasPrefix("503 Weir takes over") == true, "\(refused.problems)")
            #expect(try weir.maps() == old, "taken over although the pods are not known")

            try server.require(token: "secret")
            try second.waitForLine("took over", in: .errors)
            #expect(try weir.cni("add", [late]).intercepted == 1)
            #expect(Set(old.values).isDisjoint(with: try weir.maps().values))
            #expect(try weir.unload().status == 0)
            #expect(weir.isGone)
        }

        /// Half way through its links something is in the agent's way: the old programs go on, and the agent does once
        /// the way is free.
        @Test func aTakeoverThatFailsIsTriedAgain() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let server = try FakeAPIServer()
            let pods = try (0..<2).map { try SimulatedPod(number: $0) }
            for pod in pods { try server.put(pod.object) }
            let weir = try Installation()
            try weir.configure([], kubernetes: server)
            let first = try weir.startAgent()
            try first.waitForLine("pods are known", in: .errors)
            #expect(try weir.cni("add", [pods[0]]).intercepted == 1)
            first.stop()
            let old = try weir.maps()
            let programs = try weir.attachedPrograms()
            try weir.pretendVersion(-1)

            try server.require(token: "another")
            let second = try weir.startAgent()
            let obstacle = "/sys/fs/bpf/\(weir.pins)-new-\(second.pid)/links/weir_sendmsg6"
            #expect(mkdir(obstacle, 0o700) == 0)
            try server.require(token: "secret")
            try second.waitForLine("what an earlier agent left stays in force", in: .errors)
            #expect(try weir.maps() == old)
            // Each try, every two seconds, gives some links the new programs and back.
            #expect(Eventually.value { (try? weir.attachedPrograms()) == programs ? true : nil } == true)
            #expect(try weir.cni("add", [pods[1]]).problems.first?.hasPrefix("503 Weir takes over") == true)

            #expect(rmdir(obstacle) == 0)
            try second.waitForLine("took over", in: .errors)
            #expect(Set(old.values).isDisjoint(with: try weir.maps().values))
            #expect(try weir.cni("add", [pods[1]]).intercepted == 1)
            #expect(try weir.unload().status == 0)
            #expect(weir.isGone)
        }

        /// Waits until the programs in force have decided some.
        private func waitForConnections(_ weir: Installation, _ pod: Pod) throws {
            let seen = try Eventually.value(within: 30) {
                try weir.connections(of: pod.namespace.name, "outbound") > 2_000 ? true : nil
            }
            #expect(seen == true)
        }
    }
}
