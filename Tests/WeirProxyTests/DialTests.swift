import Glibc
import NIOCore
import Testing

@testable import WeirProxy

/// What happens when the origin cannot be reached, or is the proxy itself.
@Suite(.timeLimit(.minutes(1)))
struct DialTests {
    @Test func refusedOriginResetsTheClient() async throws {
        let unused = try Peer(AF_INET)
        try SocketAddress(ipAddress: "127.0.0.1", port: 0).withSockAddr {
            _ = try check(bind(unused.descriptor, $0, socklen_t($1)))
        }
        try await Harness.run(origin: unused.local) { harness in
            let address = harness.address
            let failure = try await blocking { Peer.failure(connectingTo: address) }
            #expect(failure == .reset)
            let record = try await harness.nextRecord()
            #expect(record.outcome == .connectRefused)
            #expect(record.error == "Connection refused")
            #expect(record.destination == (try unused.local))
            #expect(harness.proxy.snapshot().connectFailures == 1)
        }
    }

    /// A listener whose accept queue is full drops SYNs (listen(2)), so a dial of it gets no answer.
    @Test func silentOriginTimesOut() async throws {
        let listener = try Peer.listening(backlog: 0)
        var waiting: [Peer] = []
        for _ in 0..<4 {
            let peer = try Peer(flags: SOCK_NONBLOCK)
            do {
                try peer.connect(to: listener.local)
            } catch let failure as SocketFailure where failure.code == EINPROGRESS {}
            waiting.append(peer)
        }
        let origin = try listener.local
        try await Harness.run(origin: origin, configure: { $0.connectTimeout = .milliseconds(200) }) { harness in
            let address = harness.address
            let failure = try await blocking { Peer.failure(connectingTo: address) }
            #expect(failure == .reset)
            let record = try await harness.nextRecord()
            #expect(record.outcome == .connectTimeout)
            #expect(record.duration < RelayProxyConfiguration(listen: []).connectTimeout, "the default was waited for")
        }
        withExtendedLifetime(waiting) {}
    }

    /// A namespace with nothing but loopback has no route to anywhere.
    @Test(.enabled(if: geteuid() == 0, "needs root for ip netns"))
    func unreachableOriginIsNamed() async throws {
        let namespace = try NetworkNamespace()
        let origin = try SocketAddress(ipAddress: "192.0.2.1", port: 80)
        try await Harness.run(origin: origin, configure: { $0.networkNamespace = namespace.descriptor }) { harness in
            let address = harness.address
            let failure = try await namespace.blocking { Peer.failure(connectingTo: address) }
            #expect(failure == .reset)
            let record = try await harness.nextRecord()
            #expect(record.outcome == .connectUnreachable)
            #expect(record.error == "Network is unreachable")
        }
    }

    @Test(arguments: [
        (ENETUNREACH, RelayOutcome.connectUnreachable), (EHOSTUNREACH, .connectUnreachable),
        (ECONNREFUSED, .connectRefused), (ETIMEDOUT, .connectTimeout), (EPERM, .connectOther),
    ])
    func dialErrorsAreSorted(code: Int32, outcome: RelayOutcome) {
        #expect(RelayOutcome(dialError: IOError(errnoCode: code, reason: "connect")) == outcome)
    }

    @Test func clientThatResetsDuringTheDialIsNotRelayed() async throws {
        let listener = try Peer.listening()
        let gate = AsyncStream.makeStream(of: Void.self)
        try await Harness.run(origin: listener.local, resolveAfter: gate.stream) { harness in
            let client = try harness.connect()
            try await eventually { harness.proxy.snapshot().active == 1 }
            try client.reset()
            // The reset has been seen when the session waits only for the gate; a second connection comes after it.
            _ = try harness.connect()
            try await eventually { harness.proxy.snapshot().accepted == 2 }
            gate.continuation.finish()
            #expect(try await harness.nextRecord().outcome == .clientReset)
        }
    }

    /// Nothing redirected the connection: SO_ORIGINAL_DST fails.
    @Test func withoutAnOriginTheClientIsReset() async throws {
        try await Harness.run(origin: nil) { harness in
            let address = harness.address
            let failure = try await blocking { Peer.failure(connectingTo: address) }
            #expect(failure == .reset)
            #expect(try await harness.nextRecord().outcome == .noOrigin)
        }
    }

    /// The origin is the proxy's listener: by exact address, and by the wildcard that it is bound to.
    @Test(arguments: ["127.0.0.1", "0.0.0.0", "::"])
    func neverDialsItself(host: String) async throws {
        let listen = try SocketAddress(ipAddress: host, port: 0)
        let own = OwnAddress()
        try await Harness.run(origin: nil, listen: [listen], resolve: own.resolve) { harness in
            let port = try #require(harness.address.port)
            let address = try SocketAddress(ipAddress: "127.0.0.1", port: port)
            let failure = try await blocking { Peer.failure(connectingTo: address) }
            #expect(failure == .reset)
            #expect(try await harness.nextRecord().outcome == .noOrigin)
            #expect(harness.proxy.snapshot().accepted == 1)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs CAP_NET_ADMIN"))
    func outgoingSocketsArePrepared() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local, configure: { $0.markDials(0x8000_57ab) }) { harness in
            let client = try harness.connect()
            let dialed = try await blocking { try listener.accept() }
            let (from, to) = try (dialed.remote, listener.local)
            #expect(option(SOL_SOCKET, SO_MARK, ofSocketFrom: from, to: to) == 0x8000_57ab)
            let source = try client.local
            #expect(option(SOL_SOCKET, SO_MARK, ofSocketFrom: harness.address, to: source) == 0)
        }
    }
}

/// A resolver that answers what getsockopt would for a connection that nobody redirected, with connection tracking on.
struct OwnAddress: Sendable {
    @Sendable func resolve(_ channel: any Channel) -> EventLoopFuture<SocketAddress> {
        guard let local = channel.localAddress else {
            return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        return channel.eventLoop.makeSucceededFuture(local)
    }
}
