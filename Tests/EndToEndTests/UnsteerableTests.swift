import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Listeners that no BPF program can steer a connection to: the kernel keeps those of MPTCP out of sockmaps.
    @Suite struct Unsteerable {
        enum Age: String, CaseIterable, Sendable { case older, younger }

        /// nftables rules take what is inbound, whichever listens first; outbound connections stay the programs'.
        @Test(arguments: Age.allCases, ["refuse", "direct"])
        func inboundWorks(_ age: Age, _ whenProxyDown: String) throws {
            try withPod(46, "whenProxyDown: \(whenProxyDown)") { pod, weir in
                var agent = age == .younger ? try weir.startAgent() : nil
                let proxy = try listener("mptcp proxy", in: pod)
                let application = try Listener.application(in: pod)
                if agent == nil { agent = try weir.startAgent() }
                try agent?.waitForLine("nftables takes inbound connections", in: .errors)
                for family in Family.allCases { try expectInbound("mptcp proxy", pod, family) }
                for kind in ["blocking", "mptcp"] {
                    let destination = Endpoint(Family.ipv4.destination(67), 80)
                    let outbound = try Attempt.run(kind, to: destination, in: pod.application)
                    observed("\(kind), outbound", outbound)
                    #expect(outbound.facts?.name == "mptcp proxy")
                }
                let check = try weir.run(["check", "--category", "workloads", "--category", "proxies"])
                observed("check", check.output)
                #expect(check.status == 0)
                #expect(check.output.contains("nftables rules take its inbound connections"))
                #expect(try weir.run(["status"]).output.contains("nftables rules take its inbound connections"))
                let rows = try weir.counters(of: pod.namespace.name).filter { $0.direction == "inbound" }
                #expect(rows.map(\.reason) == ["inbound"] && rows[0].connections == 2)

                // A proxy that can be steered to again.
                proxy.process.stop()
                let next = try Listener.proxy(in: pod)
                let isBack = try Eventually.value {
                    try weir.run(["status"]).output.contains("nftables rules take") ? nil : true
                }
                #expect(isBack == true)
                for family in Family.allCases { try expectInbound("proxy", pod, family) }
                #expect(agent?.poll() == nil)
                for one in [application, next] { one.process.stop() }
            }
        }

        /// TPROXY mode: the proxy sees the address that was called as its own.
        @Test func inboundWorksTransparently() throws {
            let mode = "annotations: {sidecar.istio.io/interceptionMode: TPROXY}"
            try withPod(49, mode) { pod, weir in
                let proxy = try Listener(
                    "proxy", ports: [15006], options: ["--mptcp", "--transparent"], in: pod.namespace.place)
                let agent = try weir.startAgent()
                try agent.waitForLine("nftables takes inbound connections", in: .errors)
                for family in Family.allCases {
                    let own = Endpoint(pod.address(family), 8080)
                    let attempt = try Attempt.run("blocking", to: own, in: pod.outside.place)
                    observed("TPROXY, inbound over \(family)", attempt)
                    #expect(attempt.facts?.name == "proxy")
                    #expect(attempt.facts?.local == own)
                    #expect(attempt.facts?.peer == attempt.local)
                }
                #expect(agent.poll() == nil)
                proxy.process.stop()
            }
        }

        /// Without an agent and without rules they are refused under a reason of their own, and pass nobody by.
        @Test(arguments: ["refuse", "direct"])
        func nobodyIsThereToActOnIt(_ whenProxyDown: String) throws {
            try withPod(47, "whenProxyDown: \(whenProxyDown)") { pod, weir in
                try weir.load()
                let application = try Listener.application(in: pod)
                let proxy = try listener("mptcp proxy", in: pod)
                for family in Family.allCases {
                    let own = Endpoint(pod.address(family), 8080)
                    #expect(try Attempt.run("blocking", to: own, in: pod.outside.place).outcome == "refused")
                }
                let name = pod.namespace.name
                #expect(try weir.connections(of: name, "proxy_not_steerable") == 2)
                #expect(try weir.connections(of: name, "proxy_down_refused") == 0)
                let check = try weir.run(["check", "--category", "proxies"])
                observed("check", check.output)
                #expect(check.status == 1)
                let finding = "the kernel cannot steer connections to the proxy's listener on TCP port 15006"
                #expect(check.output.contains(finding))
                let explain = try weir.succeed(["explain", name, "\(pod.address(.ipv4)):80", "--from", "outside"])
                #expect(explain.contains("refuse (proxy_not_steerable)"), "\(explain)")

                // What is loaded again sees it.
                try weir.load()
                for family in Family.allCases { try expectInbound("mptcp proxy", pod, family) }
                for one in [application, proxy] { one.process.stop() }
            }
        }

        /// A listener for IPv6 alone does not hide one that takes both from connections of IPv4.
        @Test func aListenerForIPv6Alone() throws {
            try withPod(48, "") { pod, weir in
                let agent = try weir.startAgent()
                let six = try Listener(
                    "six", ports: [15006], options: ["--address", "::", "--reuseport", "2"], in: pod.proxy)
                let both = try Listener("both", ports: [15006], options: ["--dual", "--reuseport", "2"], in: pod.proxy)
                try expectInbound("both", pod, .ipv4)
                #expect(agent.poll() == nil)
                for one in [six, both] { one.process.stop() }
            }
        }

        private func expectInbound(
            _ name: String, _ pod: Pod, _ family: Family, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let own = Endpoint(pod.address(family), 8080)
            let attempt = try Attempt.run("blocking", to: own, in: pod.outside.place)
            observed("inbound over \(family)", attempt)
            #expect(attempt.facts?.name == name, sourceLocation: sourceLocation)
            #expect(attempt.facts?.origin == own, sourceLocation: sourceLocation)
            #expect(attempt.facts?.peer == attempt.local, sourceLocation: sourceLocation)
        }

        private func listener(_ name: String, in pod: Pod) throws -> Listener {
            try Listener(name, ports: [15001, 15006], options: ["--mptcp"], in: pod.proxy)
        }

        private func withPod(_ number: Int, _ more: String, _ body: (Pod, Installation) throws -> Void) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: number)
            let weir = try Installation([.istio(pod, more)])
            try body(pod, weir)
            try weir.succeed(["unload"])
        }
    }
}
