import TestSupport
import Testing

extension EndToEnd {
    /// Addresses count whole: those that resemble each other are told apart.
    @Suite struct Addresses {
        /// An IPv6 address that ends like an IPv4-mapped one is none, and one that has the interface identifier of the
        /// pod's is not the pod's.
        @Test func lookAlikes() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 92)
            let twin = "fd00:78::10"
            // Of the link: for an address of another one the kernel asks for neighbours from the link-local address,
            // which is tentative for a second or two.
            try pod.outside.ip(["addr add \(twin)/128 dev po0 nodad"])
            let weir = try Installation([.istio(pod, "dns: all\noutbound: {excludeRanges: [198.51.100.0/24]}")])
            let stubs = [try Listener.proxy(in: pod), try Listener.outside(of: pod)]
            try weir.load()

            let destination = Endpoint("2001:db8:77::ffff:198.51.100.7", 80)
            let outbound = try Attempt.run("blocking", to: destination, in: pod.application)
            observed("outbound", outbound)
            #expect(outbound.facts?.name == "proxy")
            #expect(outbound.facts?.origin == destination)
            #expect(outbound.peer == destination)
            let resolution = try Resolution.run("unconnected", server: destination.address, in: pod.application)
            observed("a query", resolution)
            #expect(resolution.first.facts?.name == "proxy")
            #expect(resolution.first.from == Endpoint(destination.address, 53))

            let own = Endpoint(pod.address(.ipv6), 8080)
            let inbound = try Attempt.run("bound", to: own, options: ["--source", twin], in: pod.outside.place)
            observed("inbound", inbound)
            #expect(inbound.facts?.name == "proxy")
            #expect(inbound.facts?.origin == own)
            #expect(inbound.facts?.peer == inbound.local)
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// Clients of excluded ranges reach the application, their neighbours the proxy, and both are counted so.
        @Test(arguments: ["ebpf", "nftables"])
        func excludedClients(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 93)
            let neighbours: [Family: String] = [.ipv4: "10.77.93.2", .ipv6: "fd00:77:93::2"]
            try pod.outside.ip(["addr add 10.77.93.2/24 dev po0", "addr add fd00:77:93::2/64 dev po0 nodad"])
            let excluded = Family.allCases.map(pod.gateway).joined(separator: ", ")
            let weir = try Installation(
                [
                    """
                    name: \(pod.namespace.name)
                    selector: {netns: \(pod.namespace.path)}
                    proxy: {outbound: 15001, inbound: 15006, uid: \(Pod.proxyID)}
                    inbound: {excludeSources: [\(excluded)]}
                    """
                ], mechanism: mechanism)
            let stubs = [try Listener.proxy(in: pod), try Listener.application(in: pod)]
            try weir.load()
            for family in Family.allCases {
                let own = Endpoint(pod.address(family), 8080)
                for (client, name) in [(pod.gateway(family), "application"), (neighbours[family] ?? "", "proxy")] {
                    let attempt = try Attempt.run(
                        "bound", to: own, options: ["--source", client], in: pod.outside.place)
                    observed("from \(client), \(mechanism)", attempt)
                    #expect(attempt.facts?.name == name)
                    #expect(attempt.facts?.peer?.address == client)
                }
            }
            #expect(try weir.connections(of: pod.namespace.name, "excluded_source") == 2)
            #expect(try weir.connections(of: pod.namespace.name, "inbound") == 2)
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// With a list of servers, queries to others go where they are sent.
        @Test(arguments: ["ebpf", "nftables"])
        func listedServers(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 98)
            let listed = Family.allCases.map { $0.destination(53) }.joined(separator: ", ")
            let weir = try Installation([.istio(pod, "dns: [\(listed)]")], mechanism: mechanism)
            let stubs = [try Listener.proxy(in: pod), try Listener.outside(of: pod)]
            try weir.load()
            for family in Family.allCases {
                for (host, name) in [(53, "proxy"), (54, "outside")] {
                    let server = Endpoint(family.destination(host), 53)
                    let resolution = try Resolution.run("unconnected", server: server.address, in: pod.application)
                    observed("\(server), \(mechanism)", resolution)
                    #expect(resolution.first.facts?.name == name)
                    #expect(resolution.first.from == server)
                }
            }
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// A resolver that is not in the pod: what it answers comes, for all who asked, from the server that they asked.
        @Test func aResolverElsewhere() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 94)
            let resolver = Endpoint(pod.gateway(.ipv4), 5353)
            let weir = try Installation([
                """
                name: \(pod.namespace.name)
                selector: {netns: \(pod.namespace.path)}
                proxy: {outbound: 15001, dns: "\(resolver)", uid: \(Pod.proxyID)}
                ipv6: false
                dns: all
                """
            ])
            let stub = try Listener(
                "resolver", ports: [resolver.port], options: ["--udp", "--address", resolver.address],
                in: pod.outside.place)
            try weir.load()
            let server = Endpoint(Family.ipv4.destination(53), 53)
            for kind in ["unconnected", "connected", "connected-sendto", "tcp"] {
                let resolution = try Resolution.run(kind, server: server.address, in: pod.application)
                observed("a resolver elsewhere, \(kind)", resolution)
                #expect(resolution.first.facts?.name == "resolver")
                #expect(resolution.first.from == server)
                if kind != "unconnected" { #expect(resolution.peer == server) }
            }
            try weir.succeed(["unload"])
            stub.process.stop()
        }
    }
}
