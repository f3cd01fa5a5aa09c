import Glibc
import NIOCore
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
                        if byte != block[total & (1 << 20) - 1] { throw SocketFailure(code: EBADMSG) }
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

    @Test func clientEndsFirstAndStillReceives() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local) { harness in
            let client = try harness.connect()
            let server = try await blocking { try listener.accept() }
            try await blocking {
                try client.send([1, 2, 3])
                try client.endOutput()
                #expect(try server.receiveAll() == [1, 2, 3])
                let answer = pattern(3 << 20)
                async_send(server, answer)
                #expect(try client.receiveAll() == answer)
            }
            #expect(try await harness.nextRecord().outcome == .closed)
        }
    }

    @Test func serverEndsFirstAndStillReceives() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local) { harness in
            let client = try harness.connect()
            let server = try await blocking { try listener.accept() }
            try await blocking {
                try server.send([9])
                try server.endOutput()
                #expect(try client.receiveAll() == [9])
                let question = pattern(3 << 20)
                async_send(client, question)
                #expect(try server.receiveAll() == question)
            }
            #expect(try await harness.nextRecord().outcome == .closed)
        }
    }
}
