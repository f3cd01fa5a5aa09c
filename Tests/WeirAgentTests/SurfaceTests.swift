import Foundation
import NIOCore
import Synchronization
import TestSupport
import Testing
import WeirBPF
import WeirCore

@testable import WeirAgent

@Suite struct SurfaceTests {
    /// A name that somebody may have lead here is not the node's.
    @Test func namesInTheHostHeader() throws {
        let listen = Address.loopback4
        for host in [nil, "", "127.0.0.1:15999", "localhost", "LocalHost:1", "[::1]:15999", "127.9.9.9"] {
            #expect(HostHeader.isAllowed(host, listen), "\(host ?? "none")")
        }
        for host in ["evil.example", "localhost.evil.example:80", "10.0.0.1", "[fd00::1]", "[", "127.0.0.1.nip.io"] {
            #expect(!HostHeader.isAllowed(host, listen), "\(host)")
        }
        #expect(HostHeader.isAllowed("10.0.0.1:15999", Address.any4))
        #expect(!HostHeader.isAllowed("node-1", Address.any4))
        let own = try #require(Address("10.0.0.1"))
        #expect(HostHeader.isAllowed("10.0.0.1", own))
        #expect(!HostHeader.isAllowed("10.0.0.2", own))
    }

    private func record(_ number: UInt32) throws -> FlowRecord {
        try JSONDecoder().decode(
            FlowRecord.self,
            from: Data(
                """
                {"schema":"weir.flow/v1","workload":\(number),"direction":"outbound","verdict":"direct",
                "reason":"outbound","end":"closed","source":"","destination":"","target":"","startedAt":0}
                """.utf8))
    }

    /// A reader that does not read loses the oldest, is told how many, and costs no more than that.
    @Test func aSlowReaderOfFlows() async throws {
        let hub = FlowHub()
        let reader = try #require(hub.reader(isFollowing: true))
        let one = try record(7)
        for _ in 0..<10 { hub.publish(Array(repeating: one, count: 1000)) }
        #expect(reader.takeLost() == 10_000 - FlowHub.capacity)
        #expect(reader.takeLost() == 0)
        hub.end()
        var count = 0
        for await _ in reader.events { count += 1 }
        #expect(count == FlowHub.capacity)
    }

    @Test func seatsOfReaders() throws {
        let hub = FlowHub()
        var readers = (0..<FlowHub.seats).compactMap { hub.reader(isFollowing: $0 % 2 == 0) }
        #expect(readers.count == FlowHub.seats)
        #expect(hub.reader(isFollowing: false) == nil)
        readers.removeLast()
        #expect(hub.reader(isFollowing: true) != nil)
    }

    /// Everyone who waits gets the same page, and none a page that is older than the question.
    @Test func metricsForMany() async throws {
        let asked = Atomic(0)
        let running = Atomic(0)
        let most = Atomic(0)
        let page = MetricsPage {
            most.max(running.add(1, ordering: .relaxed).newValue, ordering: .relaxed)
            defer { running.subtract(1, ordering: .relaxed) }
            try await Task.sleep(for: .milliseconds(20))
            return "\(asked.add(1, ordering: .relaxed).newValue)"
        }
        _ = try await page.text()
        let texts = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<200 { group.addTask { String(buffer: try await page.text()) } }
            var texts: Set<String> = []
            for try await text in group { texts.insert(text) }
            return texts
        }
        #expect(!texts.contains("1"))
        #expect(asked.load(ordering: .relaxed) <= 4)
        #expect(most.load(ordering: .relaxed) == 1)
    }
}
