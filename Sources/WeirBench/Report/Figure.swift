/// Numbers as people read them.
enum Figure {
    static func text(_ value: Double, _ unit: Measurement.Unit) -> String {
        switch unit {
        case .nanoseconds: scaled(value, [("ns", 1), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)])
        case .perSecond: "\(fixed(value, 0))/s"
        case .bytesPerSecond: scaled(value, [("B/s", 1), ("kB/s", 1e3), ("MB/s", 1e6), ("GB/s", 1e9)])
        case .bytes: scaled(value, [("B", 1), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9)])
        }
    }

    private static func scaled(_ value: Double, _ units: [(name: String, size: Double)]) -> String {
        let unit = units.last { abs(value) >= $0.size * 0.9995 } ?? units[0]
        return "\(digits(value / unit.size)) \(unit.name)"
    }

    /// Three digits that count.
    static func digits(_ value: Double) -> String {
        if value == value.rounded() { return fixed(value, 0) }
        return fixed(value, abs(value) >= 99.95 ? 0 : abs(value) >= 9.995 ? 1 : 2)
    }

    static func ratio(_ value: Double) -> String { fixed(value, 3) }

    /// So many digits behind the point; a number that no measurement gives, but a file may, as Swift writes it.
    static func fixed(_ value: Double, _ places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        guard abs(value) * scale < 1e15 else { return "\(value)" }
        let scaled = Int((abs(value) * scale).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        let (whole, part) = scaled.quotientAndRemainder(dividingBy: Int(scale))
        if places == 0 { return "\(sign)\(whole)" }
        let text = "\(part)"
        return "\(sign)\(whole)." + String(repeating: "0", count: places - text.count) + text
    }
}
