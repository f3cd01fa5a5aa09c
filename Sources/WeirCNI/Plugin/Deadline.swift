import Glibc

/// A moment to be done by, on the clock that never jumps.
struct Deadline {
    private let end: Int

    init(seconds: Int) { self.init(milliseconds: seconds * 1000) }

    init(milliseconds: Int) { end = Self.now() + milliseconds }

    /// Never negative.
    var millisecondsLeft: Int { max(0, end - Self.now()) }

    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}
