import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Which of a proxy's listeners get inbound connections: old ones, new ones, those of several workers.
    @Suite struct Listeners {
        enum Age: String, CaseIterable, Sendable { case older, younger }

        /// The kernel spreads over SO_REUSEPORT workers, whether they listen before the agent starts or after.
        @Test(arguments: Age.allCases, Family.allCases)
        func workersShareTheConnections(_ age: Age, _ family: Family) throws {
            try withPod(36) { pod, weir in
                if age == .younger { _ = try weir.startAgent() }
                let proxy = try workers(4, in: pod)
                let agent = age == .older ? try weir.startAgent() : nil
                let reached = try connect(80, pod, family)
                observed("\(age) than the agent, 80 connections over \(family)", Set(reached).count)
                #expect(Set(reached).count == 4)

                // Their parent last: it takes the others along.
                let children = Set(reached).subtracting([proxy.process.pid]).sorted()
                for child in children.dropLast() {
                    try Processes.kill(child)
                    let rest = try connect(20, pod, family)
                    #expect(!rest.contains(child))
                }
                #expect(Set(try connect(20, pod, family)) == [proxy.process.pid, children[children.count - 1]])
                #expect(agent?.poll() == nil)
                proxy.process.stop()
            }
        }

        /// A proxy that is replaced while it runs: the new one listens beside the old one, which then goes.
        @Test(arguments: [2, 8, 12])
        func aProxyIsReplaced(_ count: Int) throws {
            try withPod(37) { pod, weir in
                let agent = try weir.startAgent()
                var proxy = try workers(count, in: pod, name: "proxy 0")
                for generation in 1...2 {
                    let next = try workers(count, in: pod, name: "proxy \(generation)")
                    proxy.process.stop()
                    proxy = next
                    for family in Family.allCases {
                        let attempts = try (0..<5).map { _ in
                            try Attempt.run(
                                "blocking", to: Endpoint(pod.address(family), 8080), in: pod.outside.place)
                        }
                        observed("\(count) workers, generation \(generation) over \(family)", attempts[0])
                        #expect(attempts.allSatisfy { $0.facts?.name == "proxy \(generation)" })
                    }
                }
                proxy.process.stop()
                #expect(agent.poll() == nil)
            }
        }

        /// What the proxy asks is answered for connections to listeners that are older than the agent.
        @Test(arguments: Family.allCases)
        func olderListenersGetTheOrigin(_ family: Family) throws {
            try withPod(38) { pod, weir in
                let proxy = try Listener.proxy(in: pod)
                let agent = try weir.startAgent()
                #expect(agent.errors.contains("listeners adopted"))
                let inbound = Endpoint(pod.address(family), 8080)
                let attempt = try Attempt.run("blocking", to: inbound, in: pod.outside.place)
                observed("an older listener, inbound over \(family)", attempt)
                #expect(attempt.facts?.origin == inbound)
                #expect(attempt.facts?.local == inbound)
                #expect(attempt.facts?.peer == attempt.local)
                let outbound = Endpoint(family.destination(90), 80)
                let out = try Attempt.run("blocking", to: outbound, in: pod.application)
                #expect(out.facts?.origin == outbound)
                proxy.process.stop()
            }
        }

        /// One listener for both families takes both, old or new.
        @Test(arguments: Age.allCases)
        func oneListenerForBothFamilies(_ age: Age) throws {
            try withPod(39) { pod, weir in
                if age == .younger { _ = try weir.startAgent() }
                let proxy = try Listener("proxy", ports: [15001, 15006], options: ["--dual"], in: pod.proxy)
                if age == .older { _ = try weir.startAgent() }
                for family in Family.allCases {
                    let inbound = Endpoint(pod.address(family), 8080)
                    let attempt = try Attempt.run("blocking", to: inbound, in: pod.outside.place)
                    observed("a listener for both, \(age), inbound over \(family)", attempt)
                    #expect(attempt.facts?.name == "proxy")
                    #expect(attempt.facts?.origin == inbound)
                    let outbound = Endpoint(family.destination(91), 80)
                    let out = try Attempt.run("blocking", to: outbound, in: pod.application)
                    #expect(out.facts?.name == "proxy")
                    #expect(out.facts?.origin == outbound)
                }
                proxy.process.stop()
            }
        }

        private func withPod(_ number: Int, _ body: (Pod, Installation) throws -> Void) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: number)
            let weir = try Installation([.istio(pod)])
            try body(pod, weir)
            try weir.succeed(["unload"])
        }

        private func workers(_ count: Int, in pod: Pod, name: String = "proxy") throws -> Listener {
            try Listener(name, ports: [15001, 15006], options: ["--reuseport", "\(count)"], in: pod.proxy)
        }

        /// - Returns: the processes that were reached.
        private func connect(_ count: Int, _ pod: Pod, _ family: Family) throws -> [Int32] {
            try (0..<count).map { _ in
                let attempt = try Attempt.run(
                    "blocking", to: Endpoint(pod.address(family), 8080), in: pod.outside.place)
                return try #require(attempt.facts, "\(attempt)").pid
            }
        }
    }
}
