import TestSupport
import Testing

extension EndToEnd {
    /// A mesh's own rules still stand in a workload's namespace: `weir check` says so, and what they decide differently.
    @Suite struct BothInForce {
        private static let title = "has no rules of others"

        /// A connection with the source port of one that rules redirected a moment ago. Netfilter remembers that one for
        /// two minutes, and would give this one another port if it went to the same port of the proxy.
        @Test(arguments: Family.allCases)
        func aPortThatWasInUseKeepsItsOrigin(_ family: Family) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 85)
            let proxy = try Listener.proxy(in: pod)
            let program = "\(family == .ipv4 ? "ip" : "ip6")tables-nft-restore"
            try Command.run([program], in: pod.namespace.place, stdin: IPTables.rules(family))
            let weir = try Installation([.istio(pod, "")])
            let source = Endpoint(pod.address(family), 45000)
            func connect(_ destination: Endpoint) throws -> Endpoint? {
                let options = ["--source", source.address, "--source-port", "\(source.port)"]
                let attempt = try Attempt.run("bound", to: destination, options: options, in: pod.application)
                observed("from port \(source.port)", attempt)
                #expect(attempt.facts?.name == "proxy" && attempt.facts?.origin == destination, "\(attempt)")
                return attempt.facts?.peer
            }
            #expect(try connect(Endpoint(family.destination(60), 80)) == source)
            try weir.load()
            let seen = try #require(try connect(Endpoint(family.destination(61), 80)))
            observed("the proxy sees", seen)
            #expect(seen == source)
            try weir.succeed(["unload"])
            proxy.process.stop()
        }

        /// The same of a host workload, whose proxy has the loopback address only: all of its connections go there, and
        /// netfilter gives this one another port.
        @Test(arguments: Family.allCases)
        func anotherPortKeepsItsOrigin(_ family: Family) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let host = try Pod(number: 84)
            let cgroup = try Cgroup()
            let proxy = try Listener("proxy", ports: [15001], options: ["--address", family.loopback], in: host.proxy)
            let program = "\(family == .ipv4 ? "ip" : "ip6")tables-nft-restore"
            try Command.run([program], in: host.namespace.place, stdin: IPTables.rules(family))
            let weir = try Installation([
                "name: shop\nselector: {cgroup: \(cgroup.path)}\nproxy: {outbound: 15001, uid: 1337}"
            ])
            var place = host.application
            place.cgroup = cgroup.path
            let source = Endpoint(host.address(family), 45000)
            let options = ["--source", source.address, "--source-port", "\(source.port)"]
            for number in [60, 61] {
                let destination = Endpoint(family.destination(number), 80)
                let attempt = try Attempt.run("bound", to: destination, options: options, in: place)
                observed("a host workload from port \(source.port)", attempt)
                #expect(attempt.facts?.name == "proxy" && attempt.facts?.origin == destination, "\(attempt)")
                let seen = try #require(attempt.facts?.peer)
                observed("the proxy sees", seen)
                #expect(seen.address == source.address && (seen.port == source.port) == (number == 60))
                if number == 60 { try weir.load(in: host.namespace.place) }
            }
            try weir.succeed(["unload"], in: host.namespace.place)
            proxy.process.stop()
        }

        @Test(arguments: ["legacy", "nft"])
        func istio(_ variant: String) throws {
            let pod = try Pod(number: 67)
            for family in Family.allCases {
                let program = "\(family == .ipv4 ? "ip" : "ip6")tables-\(variant)-restore"
                try Command.run([program], in: pod.namespace.place, stdin: IPTables.rules(family))
            }
            let weir = try Installation([.istio(pod, "dns: all")])
            let same = try weir.run(["check", "--category", "workloads"])
            observed("the same in both, with iptables-\(variant)", same.output)
            #expect(same.status == 0)
            #expect(same.output.contains("‼ workload \(pod.namespace.name) \(Self.title)"))
            #expect(same.output.contains("iptables rules of istio stand in its namespace: both are in force"))
            for program in ["iptables-\(variant)-save", "ip6tables-\(variant)-save"] {
                #expect(same.output.contains("\(program): "))
            }
            #expect(!same.output.contains("these decided differently"))
            #expect(!same.output.contains("is not understood"))

            try weir.configure([
                .istio(pod, "dns: all\noutbound: {excludePorts: [9000], excludeRanges: [10.96.0.0/16]}")
            ])
            let other = try weir.run(["check", "--category", "workloads"])
            observed("another in each, with iptables-\(variant)", other.output)
            #expect(other.status == 1)
            for part in [
                "9000: Weir direct (excluded_port, outbound.excludePorts), iptables to port 15001 by -A ISTIO_REDIRECT",
                "Weir direct (excluded_range, outbound.excludeRanges), iptables to port 15001 by -A ISTIO_REDIRECT",
            ] {
                #expect(other.output.contains(part), "\(part)")
            }
        }

        @Test func nobodyElse() throws {
            let pod = try Pod(number: 68)
            let weir = try Installation([.istio(pod)], mechanism: "nftables")
            try weir.load()
            let check = try weir.succeed(["check", "--category", "workloads"])
            #expect(check.contains("√ workload \(pod.namespace.name) \(Self.title)"))
            // To look at tables must not make them.
            let names = try Command.run(["cat", "/proc/thread-self/net/ip_tables_names"], in: pod.namespace.place)
            #expect(names == "")
            try weir.succeed(["unload"])
        }

        @Test func rulesThatAreNotCompared() throws {
            let pod = try Pod(number: 69)
            try Command.run(["nft", "add table inet other"], in: pod.namespace.place)
            let weir = try Installation([.istio(pod)])
            let check = try weir.succeed(["check", "--category", "workloads"])
            #expect(
                check.contains("the nftables table inet other is in force, too; its rules are not compared"))
        }
    }
}
