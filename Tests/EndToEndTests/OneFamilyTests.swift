import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// IPv6 is off in a namespace, or 127.0.0.1 is not there: Weir's own proxy serves the other family.
    @Suite struct OneFamily {
        @Test(arguments: Family.allCases)
        func fallback(_ family: Family) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let (pod, bystander) = (try Pod(number: 28), try Pod(number: 29))
            try leave(family, in: pod)
            let weir = try Installation([pod, bystander].map { .istio($0, "whenProxyDown: fallback") })
            let outside = try [pod, bystander].map { try Listener.outside(of: $0) }
            let agent = try weir.startAgent()
            for one in [pod, bystander] {
                let destination = Endpoint(family.destination(63), 80)
                let attempt = try Attempt.run("blocking", to: destination, in: one.application)
                observed("\(family) alone, with fallback", attempt)
                #expect(attempt.facts?.name == "outside")
                #expect(attempt.facts?.local == destination)
                #expect(try weir.connections(of: one.namespace.name, "proxy_down_fallback") == 1)
            }
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            for one in outside { one.process.stop() }
        }

        @Test(arguments: Family.allCases)
        func run(_ family: Family) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let host = try Pod(number: 28)
            try leave(family, in: host)
            let outside = try Listener.outside(of: host)
            let destination = Endpoint(family.destination(64), 80)
            let result = try Weir.run(
                [
                    "run", "-o", "json", "--", try Programs.exercise.get(), "connect", "blocking", destination.address,
                    "80",
                ], in: host.namespace.place)
            let attempt = try Attempt.adopted(result)
            observed("weir run with \(family) alone", attempt)
            #expect(attempt.facts?.name == "outside")
            #expect(attempt.facts?.local == destination)
            outside.process.stop()
        }

        @Test func neitherIsSaid() throws {
            let host = try Pod(number: 28)
            for family in Family.allCases { try leave(family, in: host) }
            let result = try Weir.run(["run", "--quiet", "--", "true"], in: host.namespace.place)
            #expect(result.status == 2)
            #expect(
                result.errors
                    == "weir: cannot listen on 127.0.0.1 or ::1: cannot assign requested address; give the loopback "
                    + "interface an address and bring it up: ip address add 127.0.0.1/8 dev lo, ip link set lo up\n")
        }

        /// Takes the other family's loopback address away.
        private func leave(_ family: Family, in pod: Pod) throws {
            if family == .ipv4 {
                try pod.namespace.sysctl(["net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.lo.disable_ipv6": "1"])
            } else {
                try pod.namespace.ip(["addr del 127.0.0.1/8 dev lo"])
            }
        }
    }
}
