import Foundation
import Synchronization

/// Threads for work that may take long, so that it keeps neither an actor nor the pool of tasks, which has one thread for
/// each processor, from what is to be answered meanwhile. Jobs begin in the order in which they came.
final class Workshop: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        /// How many threads run, and may.
        var running = 0
        var width: Int
    }

    private let state: Mutex<State>
    private static let mostOverdue = 8
    private let width: Int

    init(width: Int) {
        self.width = width
        state = Mutex(State(width: width))
    }

    struct Overdue: Error, CustomStringConvertible {
        let seconds: Int
        var description: String { "it takes longer than \(seconds) s, and is not waited for" }
    }

    /// - Throws: what `body` throws, or `Overdue`; the thread goes on then, and another takes its place.
    func run<Result: Sendable>(
        within seconds: Int = 20, _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let answer = Answer(continuation)
            add {
                let timer = DispatchSource.makeTimerSource(queue: .global())
                timer.setEventHandler { [self] in
                    if answer.give(.failure(Overdue(seconds: seconds))) { widen(by: 1) }
                }
                timer.schedule(deadline: .now() + .seconds(seconds))
                timer.resume()
                let result = Swift.Result(catching: body)
                timer.cancel()
                if !answer.give(result) { self.widen(by: -1) }
            }
        }
    }

    /// Given once, by whoever is first.
    private final class Answer<Result: Sendable>: Sendable {
        private let continuation: Mutex<CheckedContinuation<Result, any Error>?>
        init(_ continuation: CheckedContinuation<Result, any Error>) { self.continuation = Mutex(continuation) }

        func give(_ result: Swift.Result<Result, any Error>) -> Bool {
            let first = continuation.withLock { kept in
                defer { kept = nil }
                return kept
            }
            first?.resume(with: result)
            return first != nil
        }
    }

    private func add(_ job: @escaping @Sendable () -> Void) {
        let mayStart = state.withLock { state in
            state.jobs.append(job)
            guard state.running < state.width else { return false }
            state.running += 1
            return true
        }
        // Without memory for a thread it is done here.
        if mayStart, !Thread.tryStart({ self.work() }) { work() }
    }

    private func work() {
        while let job = next() { job() }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            guard !state.jobs.isEmpty, state.running <= state.width else {
                state.running -= 1
                return nil
            }
            return state.jobs.removeFirst()
        }
    }

    private func widen(by count: Int) {
        let mayStart = state.withLock { state in
            state.width = min(max(state.width + count, width), width + Self.mostOverdue)
            guard state.running < state.width, !state.jobs.isEmpty else { return false }
            state.running += 1
            return true
        }
        if mayStart, !Thread.tryStart({ self.work() }) { work() }
    }
}
