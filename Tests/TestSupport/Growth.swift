import Glibc

/// What ten times the work costs: about 10 times as much where time grows with the work, 100 times where it grows with
/// its square.
public enum Growth {
    /// Processor time of this thread, which a busy machine does not change; the least of five, taken in turns.
    public static func tenfold(_ name: String, _ small: () throws -> Void, _ large: () throws -> Void) rethrows
        -> Double
    {
        var best = (small: Double.infinity, large: Double.infinity)
        for _ in 0..<5 {
            best.small = min(best.small, try processorTime(small))
            best.large = min(best.large, try processorTime(large))
        }
        print("\(name): \(best.small * 1000) ms, ten times as much \(best.large * 1000) ms")
        return best.large / best.small
    }

    private static func processorTime(_ body: () throws -> Void) rethrows -> Double {
        let start = now()
        try body()
        return now() - start
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
