import Glibc
import NIOCore
import Testing

@testable import WeirProxy

/// A reader that stalls makes the writer wait; what is held in between is bounded.
@Suite(.timeLimit(.minutes(2)))
struct BackPressureTests {
    static let limit = 64 << 20

    /// Bytes that the writer can send while the other end does not read, in each direction, with the kernel's default
    /// buffers at both ends. Both ends' own socket buffers are part of it.
    @Test(arguments: [RelaySide.Role.client, .upstream])
    func stalledReaderStopsTheWriter(stalled: RelaySide.Role) async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local) { harness in
            let client = try harness.connect()
            let server = try await blocking { try listener.accept() }
            let writer = stalled == .client ? server : client
            let sent = try await blocking { try writer.sendUntilStuck(limit: Self.limit) }
            #expect(sent < 16 << 20)
            // Nothing of it is lost when the reader wakes up.
            let reader = stalled == .client ? client : server
            try writer.endOutput()
            #expect(try await blocking { try reader.receiveAll().count } == sent)
        }
    }

    /// As above after 256 MiB have flowed, so that the kernel has tuned its buffers up. The proxy's counters tell
    /// what it has read; the client has not, so it is in the proxy, its send queue, or the client's small buffer.
    @Test func tunedConnectionIsBoundedToo() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local) { harness in
            let client = try harness.connect()
            try client.setReceiveBuffer(64 * 1024)
            let server = try await blocking { try listener.accept() }
            let block = [UInt8](repeating: 1, count: 1 << 20)
            async let flowed: Void = blocking { for _ in 0..<256 { try server.send(block) } }
            try await blocking {
                var total = 0
                while total < 256 << 20 { total += try client.receive().count }
            }
            try await flowed
            let sent = try await blocking { try server.sendUntilStuck(limit: Self.limit) }
            #expect(sent < 16 << 20)
            let held = harness.proxy.snapshot().bytesDown - (256 << 20)
            // The client's 128 KiB, 256 KiB unsent, what is in flight, two reads.
            #expect(held < 1 << 20)
        }
    }

    /// The kernel's part of the bound, on both sockets. SO_RCVBUF reads back doubled (socket(7)).
    @Test func bothSocketsHaveBoundedBuffers() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local, configure: { $0.receiveBuffer = 50_000 }) { harness in
            let client = try harness.connect()
            let server = try await blocking { try listener.accept() }
            let sockets = try [(harness.address, client.local), (server.remote, listener.local)]
            for (local, remote) in sockets {
                #expect(option(SOL_SOCKET, SO_RCVBUF, ofSocketFrom: local, to: remote) == 100_000)
                let unsent = option(Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, ofSocketFrom: local, to: remote)
                #expect(unsent == 262_144)
            }
        }
    }

    /// SwiftNIO reads what is left at a FIN without regard to back-pressure, so the bytes wait in the proxy, and the
    /// close must wait for them: also when the client's own direction has ended, and it would be a full one.
    @Test(arguments: [false, true])
    func finBehindAStalledReaderLosesNothing(clientEndedFirst: Bool) async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local) { harness in
            let client = try Peer(AF_INET)
            try client.setReceiveBuffer(32 * 1024)
            try client.connect(to: harness.address)
            let server = try await blocking { try listener.accept() }
            if clientEndedFirst {
                try client.endOutput()
                #expect(try await blocking { try server.receiveAll() } == [])
            }
            let answer = pattern(768 * 1024)
            try await blocking {
                try server.send(answer)
                try server.endOutput()
            }
            try await eventually { harness.proxy.snapshot().bytesDown == answer.count }
            #expect(try await blocking { try client.receiveAll() } == answer)
            if !clientEndedFirst { try client.endOutput() }
            #expect(try await harness.nextRecord().outcome == .closed)
        }
    }
}
