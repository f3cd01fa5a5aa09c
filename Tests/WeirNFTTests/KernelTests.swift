import Testing
import WeirCore

@testable import WeirNFT

/// Rulesets in force, and real connections.
@Suite(.enabled(if: Pod.isPossible, "needs root and nft")) struct KernelTests {
    private static func istio(
        _ change: (inout PolicySpecification) throws -> Void = { _ in }, _ options: Ruleset.Options = Ruleset.Options()
    ) throws -> Ruleset {
        var specification = try Profile.istio.specification()
        specification.dns = .all
        try change(&specification)
        return try Ruleset(PolicyCompiler.compile(specification), options)
    }

    @Test func `nft and the kernel take the ruleset of any policy`() async throws {
        let cgroup = TestCgroup.isPossible ? try TestCgroup("any") : nil
        try await Pod.run { pod in
            var random = RandomPolicy(seed: 1)
            for _ in 0..<60 {
                var options = Ruleset.Options()
                let specification = random.specification()
                options.interceptionMode = specification.interceptionMode
                options.dropInvalid = specification.ipv6
                options.proxyCgroup = cgroup?.cgroup
                if specification.proxyCgroup && options.proxyCgroup == nil { continue }
                // One after the other, so that each replaces another one.
                try pod.nft.load(try Ruleset(PolicyCompiler.compile(specification), options).text)
            }
            try pod.nft.load(try Ruleset.draining())
            try pod.nft.remove()
        }
    }

    @Test func `Connections of both families go to the proxy and keep their origin`() async throws {
        try await Pod.run { pod in
            let proxy = try Socket.listener(15001)
            try pod.load(Self.istio())
            for (address, own) in [("203.0.113.7:80", "10.1.0.2"), ("[2001:db8::7]:443", "[fd00:1::2]")] {
                let client = try Socket.connection(to: address)
                let taken = try #require(try proxy.accept())
                #expect(try taken.origin(ipv6: address.hasPrefix("[")) == address)
                #expect(try client.peerAddress() == address)
                #expect(try client.localAddress().hasPrefix(own + ":"))
                #expect(try taken.peerAddress() == client.localAddress())
            }
            let rows = try pod.nft.counters().rows.filter { $0.connections > 0 }
            #expect(rows.map { "\($0.reason) \($0.connections)" } == ["outbound 2"])
        }
    }

    @Test func `Inbound connections go to the proxy, in both modes`() async throws {
        try await Pod.run { pod in
            let proxy = try Socket.listener(15006, transparent: true)
            for mode in InterceptionMode.allCases {
                var options = Ruleset.Options()
                options.interceptionMode = mode
                try pod.load(Self.istio({ $0.interceptionMode = mode }, options))
                for address in ["10.1.0.2:8080", "[fd00:1::2]:8080"] {
                    let client = try pod.enter(pod.outside) { try Socket.connection(to: address) }
                    let taken = try #require(try proxy.accept())
                    #expect(try taken.origin(ipv6: address.hasPrefix("[")) == address)
                    #expect(try taken.peerAddress() == client.localAddress())
                    #expect(try (taken.localAddress() == address) == (mode == .tproxy))
                    try taken.send("hello")
                    #expect(try client.receive().text == "hello")
                }
            }
            try pod.nft.remove()
            #expect(try pod.tool("ip", ["rule", "show", "pref", "\(PolicyRouting.number)"]) == "")
            #expect(try pod.tool("nft", ["list", "ruleset"]) == "")
        }
    }

    @Test func `A DNS answer comes from the server that was asked`() async throws {
        try await Pod.run { pod in
            try pod.load(Self.istio())
            for (server, address) in [("127.0.0.1:15053", "9.9.9.9:53"), ("[::1]:15053", "[2001:db8::7]:53")] {
                let proxy = try Socket.datagram(server)
                let client = try Socket.datagram(server.hasPrefix("[") ? "[::]:0" : "0.0.0.0:0")
                try client.send("query", to: address)
                let query = try proxy.receive()
                #expect(query.text == "query")
                try proxy.send("answer", to: query.from)
                let answer = try client.receive()
                #expect(answer.text == "answer")
                #expect(answer.from == address)
            }
        }
    }

    @Test func `A query that nobody takes is refused, as without a zone`() async throws {
        try await Pod.run { pod in
            try pod.load(Self.istio())
            for address in ["9.9.9.9:53", "[2001:db8::7]:53"] {
                let client = try Socket.datagram(address.hasPrefix("[") ? "[::]:0" : "0.0.0.0:0")
                try client.connect(to: address)
                try client.send("query")
                let failure = #expect(throws: Socket.Failure.self) { try client.receive() }
                #expect(failure?.isRefused == true)
            }
        }
    }

    @Test func `Established connections outlive new rules, draining and none else`() async throws {
        try await Pod.run { pod in
            let proxy = try Socket.listener(15001)
            let far = try pod.enter(pod.outside) { try Socket.listener(80) }
            let older = try Socket.connection(to: "203.0.113.7:80")
            let olderFar = try #require(try far.accept())
            try pod.load(Self.istio())
            let client = try Socket.connection(to: "203.0.113.7:80")
            let taken = try #require(try proxy.accept())
            func converse(_ ends: [(Socket, Socket)]) throws {
                for (one, other) in ends {
                    try one.send("ping")
                    #expect(try other.receive().text == "ping")
                    try other.send("pong")
                    #expect(try one.receive().text == "pong")
                }
            }
            try converse([(client, taken)])
            try pod.load(Self.istio { $0.outboundExcludePorts = [PortRange(80)] })
            try converse([(client, taken)])
            try pod.nft.load(try Ruleset.draining())
            try converse([(client, taken)])
            _ = try Socket.connection(to: "203.0.113.7:80")
            #expect(try far.accept() != nil)
            try pod.nft.remove()
            #expect(try pod.tool("nft", ["list", "ruleset"]) == "")
            try converse([(older, olderFar)])
        }
    }

    @Test func `A connection that eBPF redirected before the rules came stays with its sockets`() async throws {
        try await Pod.run { pod in
            let proxy = try Socket.listener(15001)
            let client = try Socket.connection(to: "10.1.0.2:15001")
            let taken = try #require(try proxy.accept())
            // Both ends are root's, and so the proxy's: what it sends to its own pod goes to port 15006.
            try pod.load(Self.istio { $0.proxyUIDs = [0] })
            for (one, other) in [(taken, client), (client, taken)] {
                try one.send("still there")
                #expect(try other.receive().text == "still there")
            }
            let inbound = try Socket.listener(15006)
            let call = try Socket.connection(to: "10.1.0.2:8080")
            #expect(try inbound.accept()?.origin(ipv6: false) == call.peerAddress())
        }
    }

    @Test func `An inbound connection older than the rules stays with its socket`() async throws {
        try await Pod.run { pod in
            let app = try Socket.listener(8080)
            let client = try pod.enter(pod.outside) { try Socket.connection(to: "10.1.0.2:8080") }
            let taken = try #require(try app.accept())
            try pod.load(Self.istio())
            for (one, other) in [(client, taken), (taken, client)] {
                try one.send("still there")
                #expect(try other.receive().text == "still there")
            }
        }
    }

    @Test func `Rules of others stay`() async throws {
        try await Pod.run { pod in
            try pod.nft.load(
                "table ip nat { chain OUTPUT { type nat hook output priority -100; ip daddr 1.2.3.4 accept; }; }")
            let before = try pod.tool("nft", ["list", "ruleset"])
            try pod.load(Self.istio())
            try pod.load(Self.istio())
            try pod.nft.remove()
            #expect(try pod.tool("nft", ["list", "ruleset"]) == before)
            try pod.nft.remove()
        }
    }

    @Test func `A refusal names nft and the line`() async throws {
        try await Pod.run { pod in
            let error = #expect(throws: NFTError.self) { try pod.nft.load("add rule inet nowhere c accept\n") }
            #expect(error?.description.hasPrefix("cannot load the ruleset: nft says: ") == true)
            #expect(error?.description.contains("add rule inet nowhere") == true)
            #expect(error?.description.contains("\n") == false)
        }
    }

    @Test func `Ten thousand ranges and five thousand ports load, once and again`() async throws {
        var specification = try Profile.istio.specification()
        specification.outboundExcludeRanges = (0..<10_000).map {
            CIDR(containing: Address(ipv4: 0x0a00_0000 + UInt32($0) * 512), length: 120)
        }
        specification.inboundExcludePorts = (0..<5_000).map { PortRange(UInt16($0 * 2 + 1)) }
        let ruleset = try Ruleset(PolicyCompiler.compile(specification))
        try await Pod.run { pod in
            for _ in 0..<2 {
                let time = try ContinuousClock().measure { try pod.load(ruleset) }
                print("observed: 10000 ranges and 5000 ports loaded in \(time)")
                #expect(try pod.nft.exists())
            }
        }
    }
}
