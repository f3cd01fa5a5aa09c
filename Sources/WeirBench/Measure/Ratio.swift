import Glibc

/// How one case compares with another: the median of the ratios of their rounds, each of which was measured side by
/// side. What disturbs the machine for longer than a round falls on both.
public struct Ratio: Codable, Sendable, Equatable {
    public var against: Case
    public var median: Double
    /// The range in which the true median is with a probability of at least 95 %, by the order of the rounds' ratios
    /// alone (a sign test, whatever their distribution), widened to the medians of all sittings: where memory lies
    /// differs between those, and not between rounds. Of fewer than six rounds the smallest and the largest.
    public var low: Double
    public var high: Double
    public var rounds: Int
    /// Why another run may give another number; nil: it is trusted.
    public var doubt: String?

    /// Half of what two runs may differ by: each may be off by this much.
    static let tolerance = 0.025

    /// - Parameters:
    ///   - values: of this case, round by round.
    ///   - base: of the other, of the same rounds.
    ///   - sittings: how many rounds each had.
    init?(_ values: [Double], to base: [Double], against: Case, sittings: [Int]) {
        let all = zip(values, base).map { $1 > 0 ? $0 / $1 : .nan }
        let ratios = all.filter { !$0.isNaN }.sorted()
        guard !ratios.isEmpty else { return nil }
        self.against = against
        median = Median.of(ratios)
        rounds = ratios.count
        let skipped = Self.skipped(rounds)
        let medians = Self.medians(all, sittings)
        low = medians.reduce(ratios[skipped ?? 0], min)
        high = medians.reduce(ratios[rounds - 1 - (skipped ?? 0)], max)
        if skipped == nil {
            doubt = "has \(rounds) rounds, of which six are needed"
        } else if width > Self.tolerance {
            doubt = "± \(Self.percent(width))"
        }
    }

    /// How far the range reaches from the median, as a part of it; a median of nothing has no parts.
    var width: Double { median == 0 ? .infinity : max(high - median, median - low) / abs(median) }

    /// The median of each sitting.
    private static func medians(_ ratios: [Double], _ sittings: [Int]) -> [Double] {
        var rest = ratios[...]
        return sittings.compactMap { count in
            let own = rest.prefix(count).filter { !$0.isNaN }
            rest = rest.dropFirst(count)
            return own.isEmpty ? nil : Median.of(own)
        }
    }

    /// How many of the smallest, and of the largest, of so many ratios are outside the 95 % range; nil: no range of so
    /// few has 95 %. The number of ratios below the true median is binomial with p = 1/2.
    static func skipped(_ count: Int) -> Int? {
        guard count >= 6 else { return nil }
        var tail = 0.0
        var skipped = -1
        for index in 0..<count {
            tail += exp(
                lgamma(Double(count + 1)) - lgamma(Double(index + 1)) - lgamma(Double(count - index + 1))
                    - Double(count) * log(2.0))
            if tail > 0.025 { break }
            skipped = index
        }
        return skipped < 0 ? nil : skipped
    }

    static func percent(_ part: Double) -> String { "\((part * 1000).rounded() / 10) %" }
}
