public import CWeirABI
import Glibc
public import WeirCore

/// How a record came to be: `enum weir_flow_end`.
public enum FlowEnd: String, Sendable, Codable {
    /// It was established, and is closed.
    case closed
    /// Never established: refused, timed out or given up.
    case failed
    /// Left alone, and not looked at again.
    case passed

    init?(_ value: UInt8) {
        switch UInt32(value) {
        case WEIR_FLOW_CLOSED.rawValue: self = .closed
        case WEIR_FLOW_FAILED.rawValue: self = .failed
        case WEIR_FLOW_PASSED.rawValue: self = .passed
        default: return nil
        }
    }
}

/// One connection that ended, or that was let pass: `struct weir_flow`, for people and machines.
public struct FlowRecord: Sendable, Codable, Hashable {
    public var schema = "weir.flow/v1"
    public var workload: UInt32
    /// As it was when the record was read, because the workload may be gone since. Nil: nobody knows.
    public var workloadName: String?
    public var direction: Direction
    public var verdict: Verdict
    public var reason: Reason
    public var end: FlowEnd
    /// Of a connection that was let pass, port 0: the kernel had not chosen one.
    public var source: String
    /// What the client asked for.
    public var destination: String
    /// Where it went: the proxy, or the destination itself.
    public var target: String
    /// Payload in bytes, seen from the workload's socket (outbound) or the proxy's (inbound). Nil: let pass.
    public var sentBytes: UInt64?
    public var receivedBytes: UInt64?
    /// Of these: past the stack. Nil: the two sockets were no pair of the short cut.
    public var redirectedSentBytes: UInt64?
    public var redirectedReceivedBytes: UInt64?
    /// Messages of both directions by the word of the path that they took. Nil: no pair.
    public var messages: [String: UInt64]?
    /// Seconds since 1970.
    public var startedAt: Double
    /// Seconds. Nil: let pass.
    public var duration: Double?

    /// - Returns: nil for a record of another version.
    public init?(_ flow: weir_flow) {
        guard let direction = Direction(rawValue: flow.direction), let verdict = Verdict(rawValue: flow.verdict),
            let end = FlowEnd(flow.end)
        else { return nil }
        workload = flow.workload
        self.direction = direction
        self.verdict = verdict
        reason = Reason(rawValue: flow.reason)
        self.end = end
        source = Self.endpoint(flow.source, flow.source_port)
        destination = Self.endpoint(flow.destination, flow.destination_port)
        target = Self.endpoint(flow.target, flow.target_port)
        if end != .passed {
            sentBytes = flow.sent_bytes
            receivedBytes = flow.received_bytes
            duration = Double(flow.ended_ns &- flow.started_ns) / 1e9
        }
        let messages = Self.messages(flow)
        if !messages.isEmpty {
            redirectedSentBytes = flow.redirected_sent_bytes
            redirectedReceivedBytes = flow.redirected_received_bytes
            self.messages = messages
        }
        startedAt = Self.bootTime + Double(flow.started_ns) / 1e9
    }

    private static func messages(_ flow: weir_flow) -> [String: UInt64] {
        let counts = withUnsafeBytes(of: flow.messages) { Array($0.bindMemory(to: UInt64.self)) }
        let rows = counts.enumerated().map { (MessagePath(rawValue: UInt32($0.offset)).word, $0.element) }
        return Dictionary(uniqueKeysWithValues: rows.filter { $0.1 > 0 })
    }

    private static func endpoint(_ address: AddressBytes, _ port: UInt16) -> String {
        Endpoint(address: Address(abi: address), port: UInt16(bigEndian: port)).description
    }

    /// CLOCK_REALTIME less CLOCK_MONOTONIC, in seconds; records carry the latter.
    private static var bootTime: Double {
        var real = timespec()
        var monotonic = timespec()
        clock_gettime(CLOCK_REALTIME, &real)
        clock_gettime(CLOCK_MONOTONIC, &monotonic)
        return Double(real.tv_sec - monotonic.tv_sec) + Double(real.tv_nsec - monotonic.tv_nsec) / 1e9
    }
}
