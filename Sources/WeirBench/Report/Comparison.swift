import WeirAgent

/// Two runs side by side: which ratios agree, which changed, and which cannot be told.
public struct Comparison: Codable, Sendable {
    public enum Outcome: String, Codable, Sendable {
        case same, better, worse, untrusted
    }

    public struct Row: Codable, Sendable {
        public var what: String
        public var `case`: Case
        public var against: Case
        public var before: Double
        public var after: Double
        public var outcome: Outcome
    }

    public var schema = "weir.bench.comparison/v1"
    public var rows: [Row] = []
    /// What only one of the two has.
    public var onlyInOne: [String] = []

    /// What two runs of the same thing may differ by.
    public static let tolerance = 0.05

    public init(_ before: Report, _ after: Report) {
        let old = Self.ratios(before)
        let new = Self.ratios(after)
        for (key, one) in new {
            guard let other = old.first(where: { $0.key == key })?.value else {
                onlyInOne.append(key)
                continue
            }
            rows.append(
                Row(
                    what: one.what, case: one.case, against: one.ratio.against, before: other.ratio.median,
                    after: one.ratio.median, outcome: Self.outcome(other, one)))
        }
        onlyInOne += old.map(\.key).filter { key in !new.contains { $0.key == key } }
    }

    private struct Entry {
        var what: String
        var `case`: Case
        var ratio: Ratio
        var isRate: Bool
    }

    private static func outcome(_ old: Entry, _ new: Entry) -> Outcome {
        // Nothing, or what shrank where the other grew, as memory can: there is no change in parts of it.
        guard old.ratio.median > 0, new.ratio.median > 0 else {
            return old.ratio.median == new.ratio.median ? .same : .untrusted
        }
        let change = new.ratio.median / old.ratio.median
        if abs(change - 1) <= tolerance { return .same }
        // One that spreads says nothing about a change, unless it is far beyond both ranges. Of two runs of one Weir, 43
        // of 389 such ratios were outside of each other's range, 23 by as much as both reach, and none by three times.
        let reach = 3 * (old.ratio.width + new.ratio.width)
        if (old.ratio.doubt != nil || new.ratio.doubt != nil) && abs(change - 1) <= reach { return .untrusted }
        return (change > 1) == new.isRate ? .better : .worse
    }

    private static func ratios(_ report: Report) -> [(key: String, value: Entry)] {
        report.measurements.flatMap { one in
            one.results.flatMap { result in
                (result.ratios.map { (one.key, $0) } + result.tailRatios.map { (one.key + " · p99", $0) }).map {
                    what, ratio in
                    let isRate = one.unit == .perSecond || one.unit == .bytesPerSecond
                    let entry = Entry(what: what, case: result.case, ratio: ratio, isRate: isRate)
                    return ("\(what) · \(result.case.rawValue) / \(ratio.against.rawValue)", entry)
                }
            }
        }
    }

    public func count(_ outcome: Outcome) -> Int { rows.count { $0.outcome == outcome } }

    public var text: String {
        var table = Table(["what", "case", "against", "before", "after", "change", ""], numeric: [3, 4, 5])
        for row in rows {
            let change = row.before > 0 ? (row.after / row.before - 1) * 100 : nil
            table.add([
                row.what, row.case.rawValue, row.against.rawValue, Figure.ratio(row.before), Figure.ratio(row.after),
                change.map { ($0 > 0 ? "+" : "") + Figure.fixed($0, 1) + " %" } ?? "",
                row.outcome == .same ? "" : row.outcome.rawValue,
            ])
        }
        var lines = [
            table.text, "",
            "\(count(.same)) of \(rows.count) ratios agree within 5 %; \(count(.better)) are better, "
                + "\(count(.worse)) worse, \(count(.untrusted)) cannot be told apart from the spread of their rounds",
        ]
        if !onlyInOne.isEmpty { lines.append("\(onlyInOne.count) are in one of the two only") }
        return lines.joined(separator: "\n")
    }
}
