import Glibc
import NIOCore
import Testing

@testable import WeirProxy

/// The proxy in a namespace of its own, with real redirection by nftables: SO_ORIGINAL_DST asked of the kernel.
@Suite(.timeLimit(.minutes(1)), .enabled(if: geteuid() == 0, "needs root for ip netns"))
struct NamespaceTests {
    @Test func listensAndDialsInside() async throws {
        let namespace = try NetworkNamespace()
        let listener = try await namespace.blocking { try Peer.listening() }
        let origin = try listener.local
        try await Harness.run(origin: origin, configure: { $0.networkNamespace = namespace.descriptor }) { harness in
            let address = harness.address
            #expect(throws: SocketFailure(code: ECONNREFUSED)) { try Peer.connected(to: address) }
            let client = try await namespace.blocking { try Peer.connected(to: address) }
            let server = try await blocking { try listener.accept() }
            try server.send([1])
            #expect(try await blocking { try client.receive() } == [1])
        }
    }

    @Test func descriptorOfSomethingElseIsNamed() async throws {
        var configuration = RelayProxyConfiguration(listen: [try SocketAddress(ipAddress: "127.0.0.1", port: 0)])
        let null = open("/dev/null", O_RDONLY)
        defer { close(null) }
        configuration.networkNamespace = null
        let proxy = RelayProxy(configuration: configuration, logger: .silent)
        await #expect(throws: RelayProxyError.cannotEnterNamespace(errno: EINVAL)) { try await proxy.start() }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var desc: String
        var listen: String
        var origin: String
        var testDescription: String { desc }
    }

    /// An application connects to an origin; nftables sends it to the proxy, whose own connections carry a mark.
    @Test(arguments: [
        Case(desc: "IPv4", listen: "127.0.0.1", origin: "127.0.0.7"),
        Case(desc: "IPv4-mapped at a dual-stack listener", listen: "::", origin: "127.0.0.7"),
        Case(desc: "IPv6", listen: "::1", origin: "::1"),
    ])
    func originComesFromTheKernel(case: Case) async throws {
        let namespace = try NetworkNamespace()
        let origin = try SocketAddress(ipAddress: `case`.origin, port: 8080)
        let server = try await namespace.blocking { try Peer.listening(on: `case`.origin, port: 8080) }
        let listen = try SocketAddress(ipAddress: `case`.listen, port: 0)
        try await Harness.run(
            origin: nil, listen: [listen],
            configure: {
                $0.networkNamespace = namespace.descriptor
                $0.markDials(0x57)
            }
        ) { harness in
            let family = origin.protocol == .inet6 ? "ip6" : "ip"
            let port = try #require(harness.address.port)
            try namespace.nft(
                """
                table \(family) weir { chain output { type nat hook output priority -100; \
                meta mark != 0x57 tcp dport 8080 redirect to :\(port); }; }
                """)
            let client = try await namespace.blocking { try Peer.connected(to: origin) }
            let accepted = try await blocking { try server.accept() }
            try client.send([1, 2])
            #expect(try await blocking { try accepted.receive() } == [1, 2])
            try client.endOutput()
            try accepted.endOutput()
            let record = try await harness.nextRecord()
            #expect(record.outcome == .closed)
            #expect(record.destination == origin)
            #expect(record.source == (try client.local))
        }
    }

    /// The same rule without the exemption by mark: the proxy's dial comes back to it, and is stopped there.
    @Test(arguments: [
        Case(desc: "IPv4", listen: "127.0.0.1", origin: "127.0.0.7"),
        Case(desc: "IPv4-mapped at a dual-stack listener", listen: "::", origin: "127.0.0.7"),
        Case(desc: "IPv6", listen: "::1", origin: "::1"),
    ])
    func redirectedDialIsStoppedAfterOneRound(case: Case) async throws {
        let namespace = try NetworkNamespace()
        try await Harness.run(
            origin: nil, listen: [try SocketAddress(ipAddress: `case`.listen, port: 0)],
            configure: {
                $0.networkNamespace = namespace.descriptor
                $0.maxConnections = 50
            }
        ) { harness in
            let port = try #require(harness.address.port)
            try namespace.nft(
                """
                table inet weir { chain output { type nat hook output priority -100; \
                tcp dport 8080 redirect to :\(port); }; }
                """)
            let origin = try SocketAddress(ipAddress: `case`.origin, port: 8080)
            let failure = try await namespace.blocking { Peer.failure(connectingTo: origin) }
            #expect(failure == .reset)
            #expect(try await harness.nextRecord().outcome == .ownConnection)
            #expect(try await harness.nextRecord().outcome == .upstreamReset)
            #expect(harness.proxy.snapshot().accepted == 2)
        }
    }

    /// The kernel gives one source port to connections to several destinations: a client's port is often a dial's, too.
    @Test func portsAreSharedBetweenDestinations() async throws {
        let namespace = try NetworkNamespace()
        try await namespace.blocking {
            let range = Array("40000 40255".utf8)
            let file = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC)
            defer { close(file) }
            try check(write(file, range, range.count))
        }
        let servers = try await namespace.blocking {
            try (1...4).map { try Peer.listening(on: "127.0.0.\($0)", port: 8080) }
        }
        try await Harness.run(
            origin: nil,
            configure: {
                $0.networkNamespace = namespace.descriptor
                $0.markDials(0x57)
            }
        ) { harness in
            let port = try #require(harness.address.port)
            try namespace.nft(
                """
                table ip weir { chain output { type nat hook output priority -100; \
                meta mark != 0x57 tcp dport 8080 redirect to :\(port); }; }
                """)
            var peers: [Peer] = []
            for number in 0..<200 {
                let origin = try SocketAddress(ipAddress: "127.0.0.\(number % 4 + 1)", port: 8080)
                let client = try await namespace.blocking { try Peer.connected(to: origin) }
                let server = servers[number % 4]
                let accepted = try await blocking { try server.accept() }
                try accepted.send([1])
                #expect(try await blocking { try client.receive() } == [1])
                peers += [client, accepted]
            }
            #expect(harness.proxy.snapshot().accepted == 200)
            #expect(peers.count == 400)
        }
    }
}
