import WeirBPF
import WeirCore

/// What `weir run` keeps of the records of connections: sums by destination, and the first records as they are. Both have
/// a limit, because a command may run for days.
struct FlowTally: Sendable {
    struct Destination: Hashable, Sendable {
        let address: String
        /// The proxy, or "itself".
        let target: String
        /// Its word.
        let reason: String
    }

    /// Of connections; sizes in bytes.
    struct Sum: Sendable {
        var connections = 0
        var failed = 0
        var sent: UInt64 = 0
        var received: UInt64 = 0

        mutating func add(_ flow: FlowRecord) {
            connections += 1
            failed += flow.end == .failed ? 1 : 0
            sent += flow.sentBytes ?? 0
            received += flow.receivedBytes ?? 0
        }
    }

    /// How many records there were.
    private(set) var count = 0
    /// Those of them whose connection went to the proxy.
    private(set) var redirected: UInt64 = 0
    private(set) var records: [FlowRecord] = []
    private(set) var sums: [Destination: Sum] = [:]
    /// Of all destinations that came when there were as many as the limit.
    private(set) var others = Sum()
    private let limit: Int

    /// - Parameter limit: of records, and of destinations. Of both together 10,000 take some ten megabytes.
    init(limit: Int = 10_000) { self.limit = limit }

    mutating func add(_ flow: FlowRecord) {
        count += 1
        redirected += flow.verdict == .direct ? 0 : 1
        if records.count < limit { records.append(flow) }
        let destination = Destination(
            address: flow.destination, target: flow.verdict == .direct ? "itself" : flow.target,
            reason: flow.reason.word)
        if sums[destination] != nil || sums.count < limit {
            sums[destination, default: Sum()].add(flow)
        } else {
            others.add(flow)
        }
    }
}
