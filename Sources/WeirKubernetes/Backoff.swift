/// How long to wait before the next attempt: twice as long after each failure, up to a limit, and a random part of it,
/// so that the agents of many nodes do not come back at once.
struct Backoff {
    private static let first = Duration.milliseconds(200)
    private static let limit = Duration.seconds(30)
    private var next = first

    /// The wait before the next attempt, and longer ones after it. Between half and all of the doubled time.
    mutating func delay() -> Duration {
        let whole = next
        next = min(next * 2, Self.limit)
        return whole * Double.random(in: 0.5...1)
    }

    /// After a success.
    mutating func reset() { next = Self.first }
}
