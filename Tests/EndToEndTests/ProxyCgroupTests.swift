import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// A pod's proxy that is known by its cgroup: what it calls and asks passes, whatever its user, and nobody else's.
    @Suite struct ProxyCgroups {
        @Test func callsAndQueries() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pods = [try Pod(number: 90), try Pod(number: 91)]
            let cgroups = [try Cgroup(), try Cgroup(), try Cgroup()]
            let stubs = [try Listener.proxy(in: pods[0]), try Listener.outside(of: pods[0])]
            let weir = try Installation([workload(pods[0], cgroups[0]), workload(pods[1], cgroups[1])])
            let agent = try weir.startAgent()
            try expect("outside", pods[0], cgroups[0], "the proxy")
            try expect("proxy", pods[0], cgroups[1], "another pod's proxy")
            try expect("proxy", pods[0], cgroups[2], "an application")

            // From now on it is the third that the proxy runs in.
            try weir.configure([workload(pods[0], cgroups[2]), workload(pods[1], cgroups[1])])
            agent.signal(SIGHUP)
            try agent.waitForLine("configuration applied", in: .errors)
            try expect("outside", pods[0], cgroups[2], "the proxy after a reload")
            try expect("proxy", pods[0], cgroups[0], "what was the proxy before")
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        private func workload(_ pod: Pod, _ cgroup: Cgroup) -> String {
            """
            name: \(pod.namespace.name)
            selector: {netns: \(pod.namespace.path)}
            proxy: {outbound: 15001, inbound: 15006, dns: 15053, cgroup: \(cgroup.path)}
            dns: all
            """
        }

        private func expect(
            _ name: String, _ pod: Pod, _ cgroup: Cgroup, _ who: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            var place = pod.application
            place.cgroup = cgroup.path
            for family in Family.allCases {
                let attempt = try Attempt.run("blocking", to: Endpoint(family.destination(90), 80), in: place)
                observed("\(who) over \(family)", attempt)
                #expect(attempt.facts?.name == name, sourceLocation: sourceLocation)
                for kind in ["unconnected", "connected", "tcp"] {
                    let resolution = try Resolution.run(kind, server: family.destination(53), in: place)
                    observed("\(who) asks, \(kind) over \(family)", resolution)
                    #expect(resolution.first.facts?.name == name, sourceLocation: sourceLocation)
                    #expect(resolution.first.from?.address == family.destination(53), sourceLocation: sourceLocation)
                }
            }
        }
    }
}
