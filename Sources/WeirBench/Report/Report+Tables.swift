/// The rows of a suite's table, whichever way they are drawn.
struct ReportTable {
    let headings: [String]
    let rows: [[String]]
    /// Columns of text; the others are numbers.
    static let text = 3

    init(_ measurements: [Measurement]) {
        let hasTails = measurements.contains { $0.results.contains { !$0.tailRatios.isEmpty } }
        let bases = measurements.first?.bases ?? []
        headings =
            ["what", "at", "case", "p50", "p90", "p99", "p99.9", "cpu"]
            + bases.flatMap { ["× \($0.rawValue)", "95 %"] } + (hasTails ? ["p99 × \(bases[1].rawValue)", "95 %"] : [])
        rows = measurements.flatMap { one in
            one.results.enumerated().map { index, result in
                let tail = result.tailRatios.first { $0.against == bases[1] }
                return (index == 0 ? ["\(one.what), \(one.variant)", one.at] : ["", ""]) + [result.case.rawValue]
                    + Self.numbers(result, one.unit)
                    + bases.flatMap { base in Self.cells(result.ratios.first { $0.against == base }) }
                    + (hasTails ? Self.cells(tail) : [])
            }
        }
    }

    private static func numbers(_ result: Measurement.Result, _ unit: Measurement.Unit) -> [String] {
        let s = result.summary
        let values = unit == .nanoseconds ? [s.p50, s.p90, s.p99, s.p999] : [s.p50]
        return values.map { Figure.text($0, unit) } + [String](repeating: "", count: 4 - values.count)
            + [result.cpu.map { Figure.text($0 * 1000, .nanoseconds) } ?? ""]
    }

    private static func cells(_ ratio: Ratio?) -> [String] {
        guard let ratio else { return ["", ""] }
        return [
            Figure.ratio(ratio.median) + (ratio.doubt == nil ? "" : "?"),
            "\(Figure.ratio(ratio.low))-\(Figure.ratio(ratio.high))",
        ]
    }
}

extension Report {
    /// The suites that were run, each with a table.
    var tables: [(suite: SuiteName, table: ReportTable)] {
        SuiteName.allCases.compactMap { suite in
            let own = measurements.filter { $0.suite == suite.rawValue }
            return own.isEmpty ? nil : (suite, ReportTable(own))
        }
    }

    /// Where and with what: a line each.
    var heading: [String] {
        let versions = machine.versions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        var lines = [
            "Linux \(machine.kernel) \(machine.architecture), \(machine.processors) × \(machine.processor), "
                + Figure.text(Double(machine.memory), .bytes),
            versions.joined(separator: ", "),
            "\(machine.date), \(quick ? "quick" : "full") run, \(Figure.fixed(seconds, 0)) s",
        ]
        if let floor {
            lines.append(
                "the load generator's floor, a round trip over loopback: p50 \(Figure.text(floor.p50, .nanoseconds)), "
                    + "p99 \(Figure.text(floor.p99, .nanoseconds))")
        }
        if !others.isEmpty {
            lines.append(
                "programs at the cgroup root, which every case meets, direct too: \(others.joined(separator: ", "))")
        }
        if machine.versions["weir"]?.contains("debug") == true {
            lines.append("this is a debug build of weir: the suite proxy says nothing of the proxy in a release")
        }
        return lines + failures + missing.map { "\($0.case.rawValue) was not measured: \($0.reason)" }
    }

    /// A sentence for each measurement with ratios that are not trusted.
    public var doubts: [String] {
        measurements.compactMap { one in
            let doubts = one.results.flatMap { result in
                let lost =
                    result.timeouts > 0
                    ? ["\(result.timeouts) connections of \(result.case.rawValue) were not answered"] : []
                return lost
                    + (result.ratios.map { ("", $0) } + result.tailRatios.map { (" p99", $0) }).compactMap {
                        kind, ratio in
                        ratio.doubt.map { "\(result.case.rawValue) / \(ratio.against.rawValue)\(kind) \($0)" }
                    }
            }
            return doubts.isEmpty ? nil : "\(one.key): \(doubts.joined(separator: ", "))"
        }
    }

    static let doubtsTitle =
        "Not trusted, and marked with ?: their rounds spread, so that two runs may differ by more than 5 %"
    static let legend =
        "Times are of single connections or requests; cpu is processor time for one of them, or for a megabyte, of "
        + "client, server, proxies and the kernel's work for them. A ratio is the median of the ratios of rounds measured "
        + "side by side, with the range that holds the true one with 95 % and the medians of all sittings."
}
