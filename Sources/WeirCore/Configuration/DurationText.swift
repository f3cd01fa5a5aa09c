/// Durations as the configuration file has them: a whole number and a unit.
public enum DurationText {
    /// Reads "10s", "500ms", "2m" or "1h".
    /// - Throws: a sentence that names the text.
    public static func parse(_ text: String) throws(InvalidValue) -> Duration {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Decimal.read(digits, upTo: 1_000_000_000), number > 0,
            let milliseconds = units[String(text.dropFirst(digits.count))]
        else {
            throw InvalidValue(
                "\"\(text)\" is not a duration; write a whole number and ms, s, m or h, like 10s or 500ms")
        }
        // Far below what the clocks of the kernel and of the event loops can hold.
        guard number <= longest / milliseconds else {
            throw InvalidValue(
                "\"\(text)\" is longer than a year; write a duration from 1ms to \(longest / 3_600_000)h")
        }
        return .milliseconds(number * milliseconds)
    }

    private static let longest = 365 * 24 * 3_600_000
    private static let units = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000]

    /// With the largest unit that leaves a whole number.
    public static func print(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
        for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)] where milliseconds % size == 0 {
            return "\(milliseconds / size)\(unit)"
        }
        return "\(milliseconds)ms"
    }
}
