import Synchronization
import WeirBPF

/// The last records of connections, and everyone who follows them. Followers that do not keep up lose the oldest.
final class FlowHub: Sendable {
    private struct State {
        var recent: [FlowRecord] = []
        var followers: [Int: AsyncStream<FlowRecord>.Continuation] = [:]
        var next = 0
    }

    private static let capacity = 1024
    private let state = Mutex(State())

    func publish(_ records: [FlowRecord]) {
        guard !records.isEmpty else { return }
        let followers = state.withLock { state in
            state.recent.append(contentsOf: records)
            if state.recent.count > Self.capacity { state.recent.removeFirst(state.recent.count - Self.capacity) }
            return Array(state.followers.values)
        }
        for follower in followers { for record in records { follower.yield(record) } }
    }

    /// Ends every follower's stream.
    func end() {
        let followers = state.withLock { Array($0.followers.values) }
        for follower in followers { follower.finish() }
    }

    var recent: [FlowRecord] { state.withLock { $0.recent } }

    /// The last records, and those that come after them.
    func follow() -> (recent: [FlowRecord], next: AsyncStream<FlowRecord>) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: FlowRecord.self, bufferingPolicy: .bufferingNewest(4096))
        let (id, recent) = state.withLock { state in
            defer { state.next += 1 }
            state.followers[state.next] = continuation
            return (state.next, state.recent)
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { state in _ = state.followers.removeValue(forKey: id) }
        }
        return (recent, stream)
    }
}
