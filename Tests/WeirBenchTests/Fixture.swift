@testable import WeirBench

extension Report {
    /// A report of what nobody measured: connect with three numbers of ranges.
    /// - Parameter weir: the ratio of Weir to no interception.
    static func fixture(weir: Double = 1.1, spread: Double = 0) -> Report {
        var report = Report(
            quick: true, cases: [.direct, .iptables, .weir],
            missing: [Missing(case: .nftables, reason: "nft is <not> installed; install the package nftables")])
        report.measurements = [0, 1000, 10000].map { ranges in
            let rounds = (0..<30).map { 100.0 + Double($0 % 3) }
            let results = [(Case.direct, 1.0), (.iptables, 1.3 + ranges / 1000), (.weir, weir)].map { one, factor in
                let own = rounds.enumerated().map { index, value in
                    value * factor * (one == .direct || index % 2 == 0 ? 1 : 1 + spread)
                }
                return Measurement.Result(
                    case: one, summary: Self.summary(own.map { $0 * 1000 }), rounds: own, sittings: [15, 15], cpu: 80.5)
            }
            var one = Measurement(
                suite: "connect", what: "time to connect", variant: "IPv4",
                parameter: Measurement.Parameter(name: "excluded CIDRs", value: ranges), unit: .nanoseconds,
                results: results)
            one.compare()
            return one
        }
        return report
    }

    private static func summary(_ values: [Double]) -> Summary {
        let median = Median.of(values)
        return Summary(
            count: values.count, mean: median, min: median, p50: median, p90: median, p99: median, p999: median,
            max: median)
    }
}
