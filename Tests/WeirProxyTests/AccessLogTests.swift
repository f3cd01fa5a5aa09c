import Glibc
import NIOCore
import Testing

@testable import WeirProxy

@Suite(.timeLimit(.minutes(1)))
struct AccessLogTests {
    static func record(_ outcome: RelayOutcome = .closed, error: String? = nil) throws -> RelayRecord {
        RelayRecord(
            source: try SocketAddress(ipAddress: "10.0.0.1", port: 4711),
            destination: try SocketAddress(ipAddress: "2001:db8::1", port: 443), direction: .outbound,
            bytesSent: 5, bytesReceived: 9, duration: .milliseconds(1234), outcome: outcome, error: error)
    }

    @Test func lineAndJSONSayTheSame() throws {
        let record = try Self.record()
        #expect(
            record.line == "src.addr=10.0.0.1:4711 dst.addr=[2001:db8::1]:443 direction=outbound bytes_sent=5 "
                + "bytes_recv=9 duration=1234ms outcome=closed")
        #expect(
            record.json == #"{"src.addr":"10.0.0.1:4711","dst.addr":"[2001:db8::1]:443","direction":"outbound","#
                + #""bytes_sent":5,"bytes_recv":9,"duration":"1234ms","outcome":"closed"}"#)
    }

    @Test func unknownAddressesAndErrorsAreShown() throws {
        var record = try Self.record(.connectOther, error: "say \"no\"\n")
        record.destination = nil
        #expect(record.line.contains(" dst.addr=- "))
        #expect(record.line.hasSuffix(#" outcome=connect_other error="say \"no\"\n""#))
        #expect(record.json.contains(#""dst.addr":null"#))
        #expect(record.json.hasSuffix(#","error":"say \"no\"\n"}"#))
    }

    @Test func mappedAddressesBecomePlain() throws {
        let mapped = try SocketAddress(ipAddress: "::ffff:192.0.2.1", port: 80)
        #expect(mapped.unmapped == (try SocketAddress(ipAddress: "192.0.2.1", port: 80)))
        for other in ["192.0.2.1", "::1", "::", "2001:db8::ffff:c000:201"] {
            let address = try SocketAddress(ipAddress: other, port: 80)
            #expect(address.unmapped == address)
        }
    }

    @Test func linesArriveInOrderAndCloseWritesTheRest() async throws {
        var ends: [Int32] = [0, 0]
        try check(pipe(&ends))
        let log = AccessLog(descriptor: ends[1], format: .json)
        for bytes in UInt64(0)..<100 {
            var record = try Self.record()
            record.bytesSent = bytes
            log.append(record)
        }
        await log.close()
        close(ends[1])
        let text = try readAll(ends[0])
        let lines = text.split(separator: "\n")
        #expect(lines.count == 100 && log.dropped == 0)
        for (index, line) in lines.enumerated() { #expect(line.contains("\"bytes_sent\":\(index),")) }
    }

    /// Nobody reads the pipe: appending returns all the same, and what did not fit is counted.
    @Test func fullPipeDropsInsteadOfBlocking() async throws {
        var ends: [Int32] = [0, 0]
        try check(pipe(&ends))
        let log = AccessLog(descriptor: ends[1], capacity: 100)
        let record = try Self.record()
        // A pipe holds 64 KiB (pipe(7)); this is more than that and the queue together.
        for _ in 0..<10_000 { log.append(record) }
        #expect(log.dropped > 0)
        let reader = Task { [end = ends[0]] in try await blocking { try readAll(end) } }
        await log.close()
        close(ends[1])
        let lines = try await reader.value.split(separator: "\n")
        #expect(lines.count + Int(log.dropped) == 10_000)
        #expect(lines.allSatisfy { $0 == record.line })
    }
}

private func readAll(_ descriptor: Int32) throws -> String {
    defer { close(descriptor) }
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = try check(read(descriptor, &buffer, buffer.count))
        if count == 0 { return String(decoding: all, as: UTF8.self) }
        all += buffer[..<count]
    }
}
