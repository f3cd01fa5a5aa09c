import Synchronization

/// What a `RelayProxy` has done since it was made. Monotonic but for `active`.
public struct RelayCounters: Sendable, Equatable {
    /// Connections taken from the listeners, those over the limit included.
    public var accepted: UInt64 = 0
    /// Connections being dialed or relayed now.
    public var active: UInt64 = 0
    /// Bytes read from clients, and from origins; counted as they pass, not at the end.
    public var bytesUp: UInt64 = 0
    public var bytesDown: UInt64 = 0
    /// Connections that have ended, by how; outcomes that have not occurred are absent.
    public var outcomes: [RelayOutcome: UInt64] = [:]

    /// Connections that have ended, however.
    public var completed: UInt64 { outcomes.values.reduce(0, +) }
    public var overLimit: UInt64 { outcomes[.overLimit, default: 0] }
    /// Connections whose origin could not be dialed.
    public var connectFailures: UInt64 {
        [.connectRefused, .connectTimeout, .connectUnreachable, .connectOther]
            .reduce(0) { $0 + outcomes[$1, default: 0] }
    }
}

/// The live form of `RelayCounters`, shared by the event loops.
final class LiveCounters: Sendable {
    private let accepted = Atomic<UInt64>(0)
    private let active = Atomic<Int>(0)
    private let bytesUp = Atomic<UInt64>(0)
    private let bytesDown = Atomic<UInt64>(0)
    private let outcomes = Mutex<[RelayOutcome: UInt64]>([:])

    /// Counts an accepted connection. False if it is over the limit, and then not active.
    func admit(limit: Int) -> Bool {
        accepted.add(1, ordering: .relaxed)
        if active.add(1, ordering: .relaxed).newValue <= limit { return true }
        active.subtract(1, ordering: .relaxed)
        return false
    }

    func relayed(up: Int) { bytesUp.add(UInt64(up), ordering: .relaxed) }
    func relayed(down: Int) { bytesDown.add(UInt64(down), ordering: .relaxed) }

    func ended(_ outcome: RelayOutcome) {
        outcomes.withLock { $0[outcome, default: 0] += 1 }
        if outcome != .overLimit { active.subtract(1, ordering: .relaxed) }
    }

    func snapshot() -> RelayCounters {
        var counters = RelayCounters()
        counters.outcomes = outcomes.withLock { $0 }
        counters.accepted = accepted.load(ordering: .relaxed)
        counters.active = UInt64(max(0, active.load(ordering: .relaxed)))
        counters.bytesUp = bytesUp.load(ordering: .relaxed)
        counters.bytesDown = bytesDown.load(ordering: .relaxed)
        return counters
    }
}
