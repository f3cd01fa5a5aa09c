import WeirAgent

extension Report {
    /// The report for a terminal.
    public var text: String {
        var parts = [heading]
        for suite in SuiteName.allCases {
            let own = measurements.filter { $0.suite == suite.rawValue }
            if own.isEmpty { continue }
            parts.append("\(suite.rawValue)\n\n\(Self.table(own).text)")
        }
        let doubts = doubts
        if !doubts.isEmpty { parts.append((["Not trusted, and marked with ? above: another run may differ by more than 5 %."] + doubts.map { "  \($0)" }).joined(separator: "\n")) }
        return parts.joined(separator: "\n\n")
    }

    private var heading: String {
        let versions = machine.versions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        var lines = [
            "Linux \(machine.kernel) \(machine.architecture), \(machine.processors) × \(machine.processor), "
                + Quantity.bytes(UInt64(machine.memory)),
            versions.joined(separator: ", "),
            "\(machine.date), \(quick ? "quick" : "full") run, \(Int(seconds)) s",
        ]
        lines += missing.map { "\($0.case.rawValue) was not measured: \($0.reason)" }
        return lines.joined(separator: "\n")
    }

    private static func table(_ measurements: [Measurement]) -> Table {
        var table = Table(
            ["what", "at", "case", "p50", "p90", "p99", "p99.9", "cpu/op", "× direct", "95 %", "× iptables", "95 %"],
            numeric: [3, 4, 5, 6, 7, 8, 9, 10, 11])
        for one in measurements {
            for (index, result) in one.results.enumerated() {
                let s = result.summary
                let head = index == 0 ? ["\(one.what), \(one.variant)", one.at] : ["", ""]
                let numbers = one.unit == .nanoseconds ? [s.p50, s.p90, s.p99, s.p999] : [s.p50]
                let cells = numbers.map { Figure.text($0, one.unit) }
                    + [String](repeating: "", count: 4 - numbers.count)
                table.add(
                    head + [result.case.rawValue] + cells
                        + [result.cpu.map { Figure.text($0 * 1000, .nanoseconds) } ?? ""]
                        + ratio(result, .direct) + ratio(result, .iptables))
            }
        }
        return table
    }

    private static func ratio(_ result: Measurement.Result, _ base: Case) -> [String] {
        guard let ratio = result.ratios.first(where: { $0.against == base }) else { return ["", ""] }
        return [
            Figure.ratio(ratio.median) + (ratio.doubt == nil ? " " : "?"),
            "\(Figure.ratio(ratio.low))-\(Figure.ratio(ratio.high))",
        ]
    }

    /// A sentence for each measurement with ratios that are not trusted.
    public var doubts: [String] {
        measurements.compactMap { one in
            let doubts = one.results.flatMap { result in
                result.ratios.compactMap { ratio in
                    ratio.doubt.map { "\(result.case.rawValue) / \(ratio.against.rawValue): \($0)" }
                }
            }
            return doubts.isEmpty ? nil : "\(one.key): \(doubts.joined(separator: "; "))"
        }
    }
}

extension Measurement {
    /// The parameter as people read it.
    var at: String { parameter.map { "\(Int($0.value)) \($0.name)" } ?? "" }
}

/// Numbers as people read them.
enum Figure {
    static func text(_ value: Double, _ unit: Measurement.Unit) -> String {
        switch unit {
        case .nanoseconds:
            return value < 1e6 ? "\(digits(value / 1e3)) µs" : "\(digits(value / 1e6)) ms"
        case .perSecond: return "\(Int(value.rounded()))/s"
        case .bytesPerSecond: return "\(digits(value / 1e6)) MB/s"
        case .bytes: return value < 1e6 ? "\(digits(value / 1e3)) kB" : "\(digits(value / 1e6)) MB"
        }
    }

    /// Three digits that count.
    static func digits(_ value: Double) -> String {
        let places = abs(value) >= 99.95 ? 0 : abs(value) >= 9.995 ? 1 : 2
        return fixed(value, places)
    }

    static func ratio(_ value: Double) -> String { fixed(value, 3) }

    static func fixed(_ value: Double, _ places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = Int((abs(value) * scale).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        let (whole, part) = scaled.quotientAndRemainder(dividingBy: Int(scale))
        if places == 0 { return "\(sign)\(whole)" }
        let text = "\(part)"
        return "\(sign)\(whole)." + String(repeating: "0", count: places - text.count) + text
    }
}
