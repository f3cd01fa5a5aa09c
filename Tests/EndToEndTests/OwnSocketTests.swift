import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// What a program's sockets tell it of themselves, and the sources that it gives its queries.
    @Suite struct OwnSockets {
        static let mechanisms = ["ebpf", "nftables"]

        /// A query that names its own source (IP_PKTINFO) has it at the proxy.
        @Test(arguments: mechanisms, Family.allCases)
        func aQueryKeepsItsSource(_ mechanism: String, _ family: Family) throws {
            try withPod(mechanism) { pod in
                let source = family == .ipv4 ? "10.77.96.11" : "fd00:77:96::11"
                let proxy = try Listener.proxy(in: pod)
                // Deprecated: no other query leaves from it.
                let length = family == .ipv4 ? "24" : "64 nodad preferred_lft 0"
                try pod.namespace.ip(["addr add \(source)/\(length) dev eth0"])
                let server = Endpoint(family.destination(53), 53)
                for mapped in family == .ipv4 ? [[], ["--mapped"]] : [[]] {
                    for kind in ["sendmsg", "sendmmsg", "io_uring"] {
                        let resolution = try Resolution.run(
                            kind, server: server.address, options: ["--pktinfo", source] + mapped, in: pod.application)
                        observed("\(kind) from \(source), \(mechanism)\(mapped.joined())", resolution)
                        #expect(resolution.first.facts?.name == "proxy")
                        #expect(resolution.first.facts?.peer?.address == source)
                        #expect(resolution.first.from == server)
                    }
                }
                let plain = try Resolution.run("sendmsg", server: server.address, in: pod.application)
                #expect(plain.first.facts?.peer?.address == pod.address(family))
                proxy.process.stop()
            }
        }

        /// A datagram socket that was connected to a DNS server and disconnected again is as it was before.
        @Test(arguments: mechanisms, Family.allCases)
        func aDisconnectedSocketHasNoSource(_ mechanism: String, _ family: Family) throws {
            try withPod(mechanism) { pod in
                let proxy = try Listener.proxy(in: pod)
                let seen = try tell(["source", family.rawValue, family.destination(53), family.loopback], in: pod)
                observed("a disconnected socket over \(family), \(mechanism)", seen)
                #expect(seen["connected"] == pod.address(family))
                #expect(seen["answered"] == "True")
                #expect(seen["disconnected"] == (family == .ipv4 ? "0.0.0.0" : "::"))
                #expect(seen["sent from"] == family.loopback)
                #expect(seen["reply"] == (family == .ipv4 ? "y" : nil))
                proxy.process.stop()
            }
        }

        /// SO_ORIGINAL_DST is netfilter's: it tells a client what it has called, and a socket without a connection
        /// that there is none.
        @Test(arguments: mechanisms, Family.allCases)
        func aClientIsToldItsDestination(_ mechanism: String, _ family: Family) throws {
            try withPod(mechanism) { pod in
                let stubs = [try Listener.proxy(in: pod), try Listener.outside(of: pod)]
                let redirected = Endpoint(family.destination(106), 80)
                let direct = Endpoint(family.destination(106), 9000)
                let own = Endpoint(pod.address(family), 8081)
                let seen = try tell(
                    [
                        "origins", family.rawValue, redirected.address, "80", direct.address, "9000", own.address,
                    ], in: pod)
                observed("SO_ORIGINAL_DST over \(family), \(mechanism)", seen)
                let expected: [String: Endpoint] = [
                    "redirected": redirected, "direct": direct, "direct, shut down": direct, "own client": own,
                    "own accepted": own, "own client, in use": own, "own accepted, in use": own,
                ]
                for (state, endpoint) in expected { #expect(Endpoint(seen[state]) == endpoint, "\(state)") }
                for state in [
                    "unconnected", "listening", "redirected, disconnected", "direct, disconnected",
                ] {
                    #expect(seen[state] == "ENOENT", "\(state)")
                }
                #expect(seen["datagram"] == "ENOPROTOOPT")
                for stub in stubs { stub.process.stop() }
            }
        }

        private func tell(_ arguments: [String], in pod: Pod) throws -> [String: String] {
            let output = try Command.run(
                ["python3", try Workspace.fixture("own_sockets.py")] + arguments, in: pod.application)
            return try JSONDecoder().decode([String: String].self, from: Data(output.utf8))
        }

        private func withPod(_ mechanism: String, _ body: (Pod) throws -> Void) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 96)
            let weir = try Installation(
                [.istio(pod, "dns: all\noutbound: {excludePorts: [9000]}")], mechanism: mechanism)
            try weir.load()
            try body(pod)
            try weir.succeed(["unload"])
        }
    }
}
