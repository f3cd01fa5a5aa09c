import Synchronization
import WeirBPF

/// The last records of connections, and everyone who reads them. Readers are few, and one that does not keep up loses the
/// oldest, which it is told.
final class FlowHub: Sendable {
    enum Event: Sendable {
        case record(FlowRecord)
        /// Nothing happened, and the agent lives.
        case beat
    }

    private struct State {
        var recent: [FlowRecord] = []
        var readers: [Int: Reader.Sink] = [:]
        var next = 0
    }

    /// Of records, for the past and for each reader.
    static let capacity = 1024
    static let seats = 16
    private let state = Mutex(State())

    func publish(_ records: [FlowRecord]) {
        guard !records.isEmpty else { return }
        let readers = state.withLock { state in
            state.recent.append(contentsOf: records)
            if state.recent.count > Self.capacity { state.recent.removeFirst(state.recent.count - Self.capacity) }
            return Array(state.readers.values)
        }
        for reader in readers { for record in records { reader.send(.record(record)) } }
    }

    /// So that a reader can tell an agent that hangs from one that has nothing to tell.
    func beat() {
        for reader in state.withLock({ Array($0.readers.values) }) { reader.send(.beat) }
    }

    /// Ends every reader's stream.
    func end() {
        for reader in state.withLock({ Array($0.readers.values) }) { reader.events.finish() }
    }

    /// The last records, and those that come after them.
    /// - Parameter isFollowing: whether those are wanted, too.
    /// - Returns: nil when all seats are taken.
    func reader(isFollowing: Bool) -> Reader? {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Event.self, bufferingPolicy: .bufferingNewest(Self.capacity))
        let sink = Reader.Sink(continuation)
        if !isFollowing { continuation.finish() }
        return state.withLock { state in
            guard state.readers.count < Self.seats else { return nil }
            defer { state.next += 1 }
            state.readers[state.next] = sink
            return Reader(id: state.next, recent: state.recent, events: stream, sink: sink, hub: self)
        }
    }

    private func leave(_ id: Int) { state.withLock { _ = $0.readers.removeValue(forKey: id) } }

    /// A seat, until it is let go of.
    final class Reader: Sendable {
        final class Sink: Sendable {
            let events: AsyncStream<Event>.Continuation
            let lost = Atomic(0)

            init(_ events: AsyncStream<Event>.Continuation) { self.events = events }

            func send(_ event: Event) {
                if case .dropped(.record) = events.yield(event) { lost.add(1, ordering: .relaxed) }
            }
        }

        let recent: [FlowRecord]
        let events: AsyncStream<Event>
        private let id: Int
        private let sink: Sink
        private let hub: FlowHub

        fileprivate init(id: Int, recent: [FlowRecord], events: AsyncStream<Event>, sink: Sink, hub: FlowHub) {
            (self.id, self.recent, self.events, self.sink, self.hub) = (id, recent, events, sink, hub)
        }

        deinit {
            sink.events.finish()
            hub.leave(id)
        }

        /// Records that it has lost since it was last asked.
        func takeLost() -> Int { sink.lost.exchange(0, ordering: .relaxed) }
    }
}

/// A line among the records: so many are missing here.
public struct FlowLoss: Codable, Sendable {
    public var schema = "weir.flow-loss/v1"
    public var lost: Int
}
