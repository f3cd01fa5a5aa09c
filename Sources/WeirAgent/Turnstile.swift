/// Lets the asynchronous work of one actor through one at a time, in the order in which it came. Actors alone let
/// others in at each `await`.
final class Turnstile {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// Nobody passes or waits.
    var isFree: Bool { !isTaken }

    func pass<Result>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
    ) async rethrows -> Result {
        if isTaken {
            await withCheckedContinuation(isolation: isolation) { waiting.append($0) }
        } else {
            isTaken = true
        }
        defer { if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() } }
        return try await body()
    }
}
