/// How soon Weir puts back what others took out. The first time at once; when they do it again and again, two programs
/// work against each other, and each time is twice as far away, until the file was left alone for a while.
struct RepairPace {
    /// In milliseconds, like all times here.
    static let (first, longest, calm) = (1000, 300_000, 600_000)

    private var delay = 0
    private var last: Int?

    /// Weir has just written the file.
    mutating func wrote(at now: Int) {
        if let last {
            delay = now - last > Self.calm ? 0 : min(max(Self.first, delay * 2), Self.longest)
        }
        last = now
    }

    /// How long to wait before writing it again.
    func wait(at now: Int) -> Int {
        guard let last, now - last <= Self.calm else { return 0 }
        return max(0, last + delay - now)
    }
}
