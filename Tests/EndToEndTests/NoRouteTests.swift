import TestSupport
import Testing

extension EndToEnd {
    /// What has no route fails as it does without Weir and behind iptables: the redirect to the proxy, which has one, must
    /// not hide it. Clients that try IPv6 first go on with IPv4 only then.
    @Suite struct NoRoute {
        /// Routes that a pod gets beside its default one for IPv4; it has none for IPv6.
        private static let routes: [Family: [String]] = [
            .ipv4: [
                "route add unreachable 198.18.0.0/16", "route add prohibit 198.19.0.0/16",
                "route add blackhole 203.0.113.0/24", "route add throw 192.0.2.0/24",
            ],
            .ipv6: [
                "route del default", "route add 2001:db8:77::/48 via fd00:77:70::1",
                "route add unreachable 2001:db8:18::/48", "route add prohibit 2001:db8:19::/48",
                "route add blackhole 2001:db8:20::/48",
            ],
        ]

        /// To some destination, and what connect() says there. For datagrams it says the same, sendto(), too.
        private static let unroutable: KeyValuePairs<String, String> = [
            "192.0.2.1": "ENETUNREACH", "198.18.0.1": "EHOSTUNREACH", "198.19.0.1": "EACCES",
            "203.0.113.1": "EINVAL", "2001:db8::1": "ENETUNREACH", "2001:db8:18::1": "EHOSTUNREACH",
            "2001:db8:19::1": "EACCES", "2001:db8:20::1": "EINVAL", "::ffff:198.18.0.1": "EHOSTUNREACH",
        ]
        /// No TCP goes there, whatever the routes.
        private static let toMany = [
            "224.0.0.1", "255.255.255.255", "10.77.70.255", "ff0e::1", "::ffff:224.0.0.1",
        ]

        private static let expected: [String: String] = {
            var all: [String: String] = [:]
            for (address, error) in unroutable {
                all["tcp \(address) 80"] = error
                all["udp \(address) 53"] = error
                all["sendto \(address) 53"] = error
            }
            for address in toMany { all["tcp \(address) 80"] = "ENETUNREACH" }
            for address in ["255.255.255.255", "10.77.70.255"] {
                for (kind, outcome) in [("udp", "connected"), ("sendto", "sent")] {
                    all["\(kind) \(address) 53"] = "EACCES"
                    all["\(kind) \(address) 53 broadcast"] = outcome
                }
            }
            for kind in ["tcp", "udp", "sendto"] {
                let port = kind == "tcp" ? 80 : 53
                all["\(kind) 198.51.100.7 \(port) source=127.0.0.1"] = "EINVAL"
                all["\(kind) 198.18.0.1 \(port) source=10.77.70.10"] = "EHOSTUNREACH"
                all["\(kind) 2001:db8::1 \(port) source=fd00:77:70::10"] = "ENETUNREACH"
                all["\(kind) 2001:db8:18::1 \(port) source=::1"] = "EHOSTUNREACH"
            }
            all["tcp 198.18.0.1 0"] = "EHOSTUNREACH"
            all["tcp 224.0.0.1 80 device=eth0"] = "ENETUNREACH"
            return all
        }()

        private static let reachable = [
            "tcp 198.51.100.7 80", "tcp 198.51.100.7 80 source=10.77.70.10", "tcp 2001:db8:77::7 80",
            "tcp 10.77.70.1 80",
        ]

        @Test(arguments: ["nothing", "iptables", "ebpf", "nftables"])
        func failsAsWithoutWeir(_ behind: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Self.pod()
            let stubs = [try Listener.proxy(in: pod), try .outside(of: pod)]
            let weir: Installation? =
                ["ebpf", "nftables"].contains(behind)
                ? try Installation([.istio(pod, "dns: all")], mechanism: behind) : nil
            let iptables = behind == "iptables" ? try IPTables([pod]) : nil
            let agent = try weir?.startAgent()
            // Addresses and routes of a pod go on changing for a moment after it is made.
            let outcomes = try AttemptList.outcomes(Self.expected.keys.sorted() + Self.reachable, in: pod.application)
            for (attempt, outcome) in Self.expected {
                #expect(outcomes[attempt] == outcome, "\(attempt), behind \(behind)")
            }
            for attempt in Self.reachable {
                #expect(outcomes[attempt] == (behind == "nothing" ? "reached outside" : "reached proxy"), "\(attempt)")
            }
            if behind == "ebpf" {
                let failures = Self.expected.values.count { $0.hasPrefix("E") }
                #expect(try weir?.connections(of: pod.namespace.name, "no_route") == failures)
            }
            for (address, error) in [
                ("198.18.0.1:80", "no route to host"), ("224.0.0.1:80", "network is unreachable"),
                ("[2001:db8::1]:443", "network is unreachable"),
            ] {
                let answer = try weir?.succeed(["explain", pod.namespace.name, address])
                let words =
                    "refuse (no_route)\n  because there is no route to the destination, so the call fails as it "
                #expect(answer?.contains("\(words)does without Weir: \(error)") ?? true, "\(answer ?? "")")
            }
            #expect(agent?.poll() == nil)
            try iptables?.stop()
            try weir?.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// The agent follows what comes and goes.
        @Test(arguments: Family.allCases)
        func routesThatChange(_ family: Family) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Self.pod()
            let proxy = try Listener.proxy(in: pod)
            let weir = try Installation([.istio(pod)])
            let agent = try weir.startAgent()
            let route = family == .ipv4 ? "unreachable 198.51.100.0/24" : "unreachable 2001:db8:77:0::/64"
            for _ in 1...2 {
                #expect(try Self.reached(family, pod) == "reached proxy")
                try pod.namespace.ip(["route add \(route)"], inet6: family == .ipv6)
                let isSeen = Eventually.value {
                    (try? Self.reached(family, pod)) == "EHOSTUNREACH" ? true : nil
                }
                #expect(isSeen == true)
                try pod.namespace.ip(["route del \(route)"], inet6: family == .ipv6)
            }
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            proxy.process.stop()
        }

        /// Nobody follows the routes: what has none fails while they stay, and what gets one is not held back.
        @Test(arguments: Family.allCases)
        func withoutAnAgent(_ family: Family) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Self.pod()
            let proxy = try Listener.proxy(in: pod)
            let weir = try Installation([.istio(pod)])
            let route = family == .ipv4 ? "unreachable 198.51.100.0/24" : "unreachable 2001:db8:77:0::/64"
            try pod.namespace.ip(["route add \(route)"], inet6: family == .ipv6)
            try weir.load()
            #expect(try Self.reached(family, pod) == "EHOSTUNREACH")
            try pod.namespace.ip(["route del \(route)"], inet6: family == .ipv6)
            #expect(try Self.reached(family, pod) == "reached proxy")
            let explanation = try weir.succeed(
                ["explain", pod.namespace.name, Endpoint(family.destination(7), 80).description])
            #expect(explanation.contains(": outbound (outbound)"))
            try weir.succeed(["unload"])
            proxy.process.stop()
        }

        /// Where rules of routing look at the socket, nobody can say what has no route: as much is redirected as before.
        @Test func rulesOfRouting() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Self.pod()
            let proxy = try Listener.proxy(in: pod)
            try pod.namespace.ip([
                "rule add from 10.77.70.10 lookup 100", "route add 198.18.0.0/16 via 10.77.70.1 table 100",
            ])
            let weir = try Installation([.istio(pod)])
            try weir.load()
            let attempt = "tcp 198.18.0.1 80 source=10.77.70.10"
            #expect(try AttemptList.outcomes([attempt], in: pod.application)[attempt] == "reached proxy")
            try weir.succeed(["unload"])
            proxy.process.stop()
        }

        /// A command of `weir run`, whose cgroup is the workload.
        @Test func run() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Self.pod()
            let outside = try Listener.outside(of: pod)
            for (address, errno) in [("2001:db8::1", "ENETUNREACH"), ("198.19.0.1", "EACCES"), ("198.51.100.7", nil)] {
                let command = ["connect", "blocking", address, "80"]
                let result = try Weir.run(
                    ["run", "-o", "json", "--", try Programs.exercise.get()] + command, in: pod.namespace.place)
                let attempt = try Attempt.adopted(result)
                #expect(attempt.errno == errno, "\(address): \(attempt)")
                #expect(attempt.facts?.name == (errno == nil ? "outside" : nil))
            }
            outside.process.stop()
        }

        private static func pod() throws -> Pod {
            let pod = try Pod(number: 70)
            // This machine's setting is every new namespace's, and it lets packets from 127.0.0.1 out.
            try pod.namespace.sysctl([
                "net.ipv4.conf.all.route_localnet": "0", "net.ipv4.conf.eth0.route_localnet": "0",
            ])
            for (family, commands) in routes { try pod.namespace.ip(commands, inet6: family == .ipv6) }
            return pod
        }

        private static func reached(_ family: Family, _ pod: Pod) throws -> String? {
            let attempt = "tcp \(family.destination(7)) 80"
            return try AttemptList.outcomes([attempt], in: pod.application)[attempt]
        }
    }
}
