import Glibc
import NIOCore
import Synchronization
import Testing

@testable import WeirProxy

/// Bytes, FIN and RST pass through unchanged, and little of it waits inside.
@Suite(.timeLimit(.minutes(2)))
struct RelayTests {
    @Test func echoes64MiBWithEveryByteInPlace() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local) { harness in
            let block = pattern(1 << 20)
            let client = try harness.connect()
            let accepted = try await blocking { try listener.accept() }
            async let echoed: Void = blocking { try echo(accepted) }
            async let sent: Void = blocking {
                for _ in 0..<64 { try client.send(block) }
                try client.endOutput()
            }
            let received = try await blocking {
                var total = 0
                while true {
                    let bytes = try client.receive()
                    if bytes.isEmpty { return total }
                    for byte in bytes {
                        if byte != block[total % block.count] { throw SocketFailure(code: EBADMSG) }
                        total += 1
                    }
                }
            }
            _ = try await (sent, echoed)
            #expect(received == 64 << 20)
            let record = try await harness.nextRecord()
            #expect(record.outcome == .closed)
            #expect(record.bytesSent == 64 << 20 && record.bytesReceived == 64 << 20)
            #expect(record.source == (try client.local))
            #expect(record.destination == (try listener.local))
            #expect(harness.proxy.snapshot().bytesUp == 64 << 20)
            #expect(harness.proxy.snapshot().bytesDown == 64 << 20)
        }
    }

    @Test func relays500ShortConnectionsEachToItsOwn() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local) { harness in
            async let served: Void = blocking {
                for _ in 0..<500 { try echo(listener.accept()) }
            }
            try await blocking {
                for index in 0..<500 {
                    let client = try harness.connect()
                    let bytes = pattern(1 + index * 7, seed: UInt64(index))
                    try client.send(bytes)
                    try client.endOutput()
                    if try client.receiveAll() != bytes { throw SocketFailure(code: EBADMSG) }
                }
            }
            try await served
            for _ in 0..<500 { #expect(try await harness.nextRecord().outcome == .closed) }
            #expect(harness.proxy.snapshot().outcomes == [.closed: 500])
        }
    }

    /// Each side in turn ends its direction first, then takes 3 MiB, more than any buffer between holds.
    @Test(arguments: [RelaySide.Role.client, .upstream])
    func halfCloseKeepsTheOtherDirection(first: RelaySide.Role) async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local) { harness in
            let client = try harness.connect()
            let server = try await blocking { try listener.accept() }
            let (ending, other) = first == .client ? (client, server) : (server, client)
            try await blocking {
                try ending.send([1, 2, 3])
                try ending.endOutput()
                #expect(try other.receiveAll() == [1, 2, 3])
            }
            let answer = pattern(3 << 20)
            async let sent: Void = blocking {
                try other.send(answer)
                try other.endOutput()
            }
            #expect(try await blocking { try ending.receiveAll() } == answer)
            try await sent
            #expect(try await harness.nextRecord().outcome == .closed)
        }
    }

    /// The origin answers only after the client's request and FIN are already waiting in the proxy.
    @Test func requestAndFinBeforeTheOriginAnswers() async throws {
        let listener = try Peer.listening()
        let origin = try listener.local
        let gate = AsyncStream.makeStream(of: Void.self)
        try await Harness.run(origin: origin, resolveAfter: gate.stream) { harness in
            let client = try harness.connect()
            let request = pattern(100_000)
            try await blocking {
                try client.send(request)
                try client.endOutput()
            }
            try await eventually { harness.proxy.snapshot().bytesUp == 100_000 }
            gate.continuation.finish()
            let server = try await blocking { try listener.accept() }
            #expect(try await blocking { try server.receiveAll() } == request)
            try await blocking {
                try server.send([4, 2])
                try server.endOutput()
                #expect(try client.receiveAll() == [4, 2])
            }
            #expect(try await harness.nextRecord().outcome == .closed)
        }
    }

    @Test(arguments: [RelaySide.Role.client, .upstream])
    func resetGoesThrough(from role: RelaySide.Role) async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local) { harness in
            let client = try harness.connect()
            let server = try await blocking { try listener.accept() }
            // One byte each way first: both ends are established.
            try client.send([1])
            try server.send([2])
            _ = try await blocking { try (server.receive(), client.receive()) }
            let (resetting, other) = role == .client ? (client, server) : (server, client)
            try resetting.reset()
            #expect(try await blocking { other.failure() } == .reset)
            #expect(try await harness.nextRecord().outcome == (role == .client ? .clientReset : .upstreamReset))
        }
    }

    /// A server that answers and resets: the answer arrives before the reset, as it would without the proxy.
    /// The event loop is held up meanwhile, so that it finds both at once.
    @Test func bytesBeforeAResetArrive() async throws {
        let listener = try Peer.listening()
        let held = Atomic<Bool>(false)
        let release = Atomic<Bool>(false)
        let hold: @Sendable () -> Void = {
            held.store(true, ordering: .releasing)
            while !release.load(ordering: .acquiring) { usleep(1000) }
        }
        try await Harness.run(origin: listener.local, onConnection: hold) { harness in
            defer { release.store(true, ordering: .releasing) }
            let other = try harness.connect()
            _ = try await blocking { try listener.accept() }
            let client = try harness.connect()
            let server = try await blocking { try listener.accept() }
            // Relayed, so the proxy is done with connecting.
            try server.send([1])
            _ = try await blocking { try client.receive() }
            try other.reset()
            try await eventually { held.load(ordering: .acquiring) }
            let answer = pattern(10_000)
            try server.send(answer)
            try server.reset()
            release.store(true, ordering: .releasing)
            try await blocking {
                var received: [UInt8] = []
                while true {
                    do {
                        received += try client.receive()
                    } catch let failure as SocketFailure where failure == .reset {
                        break
                    }
                }
                #expect(received == answer)
            }
            #expect(try await harness.nextRecord().outcome == .clientReset)
            #expect(try await harness.nextRecord().outcome == .upstreamReset)
        }
    }

    /// The client half-closes, so the proxy's socket to the server has no output any more, and then the server resets.
    @Test func resetAfterHalfCloseGoesThrough() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local) { harness in
            let client = try harness.connect()
            let server = try await blocking { try listener.accept() }
            try client.endOutput()
            #expect(try await blocking { try server.receiveAll() } == [])
            try server.reset()
            #expect(try await blocking { client.failure() } == .reset)
            #expect(try await harness.nextRecord().outcome == .upstreamReset)
        }
    }
}
