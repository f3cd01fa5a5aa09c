import CWeirABI
import Glibc
public import WeirCore

/// What was decided how often for one workload, and how much went that way.
public struct CounterRow: Sendable, Codable, Hashable {
    public var workload: UInt32
    public var direction: Direction
    public var verdict: Verdict
    public var reason: Reason
    /// "tcp" or "udp".
    public var transport: String
    /// TCP connections; of UDP, datagrams and connects.
    public var connections: UInt64
    /// Of these, never established.
    public var failed: UInt64
    /// Payload of closed connections, in bytes.
    public var sentBytes: UInt64
    public var receivedBytes: UInt64

    public init(
        workload: UInt32, direction: Direction, verdict: Verdict, reason: Reason, transport: String,
        connections: UInt64, failed: UInt64, sentBytes: UInt64, receivedBytes: UInt64
    ) {
        self.workload = workload
        self.direction = direction
        self.verdict = verdict
        self.reason = reason
        self.transport = transport
        self.connections = connections
        self.failed = failed
        self.sentBytes = sentBytes
        self.receivedBytes = receivedBytes
    }
}

extension Maps {
    /// Every counter, summed over the processors, in the order of workload, direction and reason.
    public func readCounters() throws(BPFError) -> [CounterRow] {
        var rows: [CounterRow] = []
        for key in try counters.walk(weir_counter_key.self) {
            guard let direction = Direction(rawValue: key.direction), let verdict = Verdict(rawValue: key.verdict)
            else { continue }
            var row = CounterRow(
                workload: key.workload, direction: direction, verdict: verdict, reason: Reason(rawValue: key.reason),
                transport: Int32(key.protocol) == Int32(IPPROTO_UDP) ? "udp" : "tcp",
                connections: 0, failed: 0, sentBytes: 0, receivedBytes: 0)
            for value in try counters.values(of: key, as: weir_counter.self) {
                row.connections += value.connections
                row.failed += value.failed
                row.sentBytes += value.sent_bytes
                row.receivedBytes += value.received_bytes
            }
            rows.append(row)
        }
        return rows.sorted {
            ($0.workload, $0.direction.rawValue, $0.verdict.rawValue, $0.reason.rawValue)
                < ($1.workload, $1.direction.rawValue, $1.verdict.rawValue, $1.reason.rawValue)
        }
    }

    /// Forgets the counters of workloads that are gone. Connections of theirs that end later may bring one back.
    func pruneCounters(keeping workloads: Set<UInt32>) throws(BPFError) {
        for key in try counters.walk(weir_counter_key.self)
        where key.workload != 0 && !workloads.contains(key.workload) {
            try counters.remove(key)
        }
        for key in try paths.walk(weir_path_key.self) where !workloads.contains(key.workload) {
            try paths.remove(key)
        }
    }
}
