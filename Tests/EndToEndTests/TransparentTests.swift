import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Istio's TPROXY mode puts a rule and a route into the namespace, and with eBPF a sysctl.
    @Suite struct Transparent {
        @Test(arguments: ["ebpf", "nftables"])
        func unloadTakesTheRouting(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 88)
            let before = try Self.routing(pod)
            let weir = try Installation(
                [.istio(pod, "annotations: {sidecar.istio.io/interceptionMode: TPROXY}")], mechanism: mechanism)
            try weir.load()
            let loaded = try Self.routing(pod)
            for rules in [loaded.rules4, loaded.rules6] { #expect(rules.contains("fwmark 0x539"), "\(rules)") }
            try weir.succeed(["unload"])
            let after = try Self.routing(pod)
            #expect(after == before)
            #expect(loaded != before)
        }

        /// Istio's own routing for the same mark, and the sysctl as somebody else has set it.
        @Test(arguments: ["ebpf", "nftables"], ["0", "1"])
        func whatOthersHaveSetUpStays(_ mechanism: String, accept: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 88)
            for family in ["-4", "-6"] {
                for words in ["rule add fwmark 1337 lookup 133", "route add local default dev lo table 133"] {
                    let arguments = ["ip", family] + words.split(separator: " ").map(String.init)
                    try Command.run(arguments, in: pod.namespace.place)
                }
            }
            try Command.run(
                ["sh", "-c", "echo \(accept) > /proc/sys/net/ipv4/tcp_fwmark_accept"], in: pod.namespace.place)
            let before = try Self.routing(pod)
            let weir = try Installation(
                [.istio(pod, "annotations: {sidecar.istio.io/interceptionMode: TPROXY}")], mechanism: mechanism)
            try weir.load()
            // As an agent that starts again, and finds what it has set itself.
            try weir.load()
            let loaded = try Self.routing(pod)
            #expect(loaded.accept == (mechanism == "ebpf" ? "1\n" : "\(accept)\n"))
            try weir.succeed(["unload"])
            #expect(try Self.routing(pod) == before)
        }

        private struct Routing: Equatable {
            let rules4, rules6, routes4, routes6, accept: String
        }

        private static func routing(_ pod: Pod) throws -> Routing {
            func ip(_ words: String...) throws -> String { try Command.run(["ip"] + words, in: pod.namespace.place) }
            return try Routing(
                rules4: ip("-4", "rule"), rules6: ip("-6", "rule"),
                routes4: ip("-4", "route", "show", "table", "all"), routes6: ip("-6", "route", "show", "table", "all"),
                accept: Command.run(["cat", "/proc/sys/net/ipv4/tcp_fwmark_accept"], in: pod.namespace.place))
        }
    }
}
