import CWeirABI
import Testing
import WeirBPF
import WeirCore

@testable import WeirAgent

@Suite struct RunSummaryTests {
    /// Five destinations with two connections each, then the first again; three can be kept.
    @Test func beyondTheLimitConnectionsAreCountedAndSaid() throws {
        let summary = try summary(limit: 3, hosts: [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 1])
        #expect(summary.report.flows.map(\.destination) == ["192.0.2.1:80", "192.0.2.1:80", "192.0.2.2:80"])
        #expect(summary.report.flowsLeftOut == 8)
        let rows = summary.text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(rows.contains(["192.0.2.1:80", "127.0.0.1:15001", "outbound", "3", "0", "21", "B", "300", "B"]))
        #expect(rows.contains(["192.0.2.3:80", "127.0.0.1:15001", "outbound", "2", "0", "14", "B", "200", "B"]))
        #expect(rows.contains(["…", "and", "others,", "not", "told", "apart", "4", "0", "28", "B", "400", "B"]))
    }

    @Test func withinTheLimitNothingIsLeftOut() throws {
        let summary = try summary(limit: 3, hosts: [1, 2, 3])
        #expect(summary.report.flows.count == 3 && summary.report.flowsLeftOut == 0)
        #expect(!summary.text.contains("…"))
    }

    private func summary(limit: Int, hosts: [UInt8]) throws -> RunSummary {
        var flows = FlowTally(limit: limit)
        for host in hosts {
            var flow = weir_flow()
            flow.direction = UInt8(WEIR_OUTBOUND.rawValue)
            flow.verdict = UInt8(WEIR_VERDICT_OUTBOUND.rawValue)
            flow.reason = UInt8(WEIR_REASON_OUTBOUND.rawValue)
            flow.end = UInt8(WEIR_FLOW_CLOSED.rawValue)
            withUnsafeMutableBytes(of: &flow.destination) { $0.copyBytes(from: Self.mapped([192, 0, 2, host])) }
            withUnsafeMutableBytes(of: &flow.target) { $0.copyBytes(from: Self.mapped([127, 0, 0, 1])) }
            flow.destination_port = UInt16(80).bigEndian
            flow.target_port = UInt16(15001).bigEndian
            flow.sent_bytes = 7
            flow.received_bytes = 100
            flows.add(try #require(FlowRecord(flow)))
        }
        let counter = CounterRow(
            workload: 1, direction: .outbound, verdict: .outbound, reason: Reason(rawValue: 1), transport: "tcp",
            connections: UInt64(hosts.count), failed: 0, sentBytes: 0, receivedBytes: 0)
        return RunSummary(command: "curl", status: 0, endedProcesses: 0, counters: [counter], flows: flows)
    }

    private static func mapped(_ address: [UInt8]) -> [UInt8] {
        [UInt8](repeating: 0, count: 10) + [0xff, 0xff] + address
    }
}
