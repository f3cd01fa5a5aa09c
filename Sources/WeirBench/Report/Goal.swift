/// A number that Weir is built for, and whether this run reached it.
public struct Goal: CustomStringConvertible, Sendable {
    public var what: String
    public var limit: Double
    /// The worst of the ratios that it is about.
    public var value: Double
    public var isTrusted: Bool

    public var isReached: Bool { value <= limit }

    public var description: String {
        "\(what): ≤ \(Figure.ratio(limit)), is \(Figure.ratio(value)): \(isReached ? "reached" : "not reached")"
            + (isTrusted ? "" : ", but not trusted")
    }
}

extension Report {
    /// What can be said from what was measured.
    public var goals: [Goal] {
        [
            goal("connect through Weir / direct, the worst of all rules", 1.10, .weir, .direct) {
                $0.suite == "connect" && $0.what == "time to connect"
            },
            flatness,
            goal("latency through Weir / iptables, p50, the worst point", 1.0, .weir, .iptables, Self.isLatency),
            goal(
                "latency through Weir / iptables, p99, the worst point", 1.0, .weir, .iptables, tail: true,
                Self.isLatency),
            goal("latency with acceleration / iptables, p50 at 100 connections", 0.87, .accelerated, .iptables) {
                Self.isLatency($0) && $0.parameter?.value == 100
            },
            goal(
                "latency with acceleration / iptables, p99 at 100 connections", 0.87, .accelerated, .iptables,
                tail: true
            ) {
                Self.isLatency($0) && $0.parameter?.value == 100
            },
            goal("a bystander's connect with Weir / without", 1.02, .weir, .direct) {
                $0.suite == "harm" && $0.what == "time to connect" && $0.variant.hasPrefix("outside")
            },
        ].compactMap(\.self)
    }

    private static func isLatency(_ one: Measurement) -> Bool { one.suite == "latency" && one.unit == .nanoseconds }

    private func goal(
        _ what: String, _ limit: Double, _ one: Case, _ base: Case, tail: Bool = false,
        _ isWanted: (Measurement) -> Bool
    ) -> Goal? {
        let ratios = measurements.filter(isWanted).flatMap(\.results).filter { $0.case == one }
            .flatMap { tail ? $0.tailRatios : $0.ratios }.filter { $0.against == base }
        guard let worst = ratios.max(by: { $0.median < $1.median }) else { return nil }
        return Goal(what: what, limit: limit, value: worst.median, isTrusted: worst.doubt == nil)
    }

    /// The most that connect through Weir costs with some number of excluded ranges, by what it costs with none.
    private var flatness: Goal? {
        let wanted = measurements.filter { $0.what == "time to connect" && $0.parameter?.name == "excluded CIDRs" }
        var worst: (value: Double, isTrusted: Bool)?
        for one in wanted {
            guard let base = wanted.first(where: { $0.variant == one.variant && $0.parameter?.value == 0 }),
                base.parameter != one.parameter, let now = Self.ratio(one), let then = Self.ratio(base)
            else { continue }
            let value = now.median / then.median
            if value > worst?.value ?? 0 { worst = (value, now.doubt == nil && then.doubt == nil) }
        }
        return worst.map {
            Goal(
                what: "connect through Weir, with any number of CIDRs / with none", limit: 1.03, value: $0.value,
                isTrusted: $0.isTrusted)
        }
    }

    private static func ratio(_ one: Measurement) -> Ratio? {
        one.results.first { $0.case == .weir }?.ratios.first { $0.against == .direct }
    }
}
