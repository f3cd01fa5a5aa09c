/// One thing that was measured, in every case.
public struct Measurement: Codable, Sendable {
    public enum Unit: String, Codable, Sendable {
        case nanoseconds = "ns"
        case perSecond = "1/s"
        case bytesPerSecond = "B/s"
        case bytes = "B"
    }

    /// What was varied.
    public struct Parameter: Codable, Sendable, Equatable {
        public var name: String
        public var value: Double
    }

    public struct Result: Codable, Sendable {
        public var `case`: Case
        /// Of all samples; of a rate, of the rounds.
        public var summary: Summary
        /// The value of each round, which the ratios are made of: the median of its samples, or its rate.
        public var rounds: [Double]
        /// Microseconds of processor time for one operation, of client, server, proxies and what the kernel does for
        /// them.
        public var cpu: Double?
        /// Connections that nobody answered within seconds; they are not among the samples.
        public var timeouts = 0
        public var ratios: [Ratio] = []
        /// The 99th percentile of each round's samples, where a round has enough of them, and its ratios.
        public var tails: [Double] = []
        public var tailRatios: [Ratio] = []
    }

    public var suite: String
    /// What, in a few words: "time to connect".
    public var what: String
    /// Which variant of it: "IPv4".
    public var variant: String
    public var parameter: Parameter?
    public var unit: Unit
    public var results: [Result]

    /// Identifies it within a report.
    public var key: String {
        [suite, what, variant, parameter.map { "\($0.name) \(Int($0.value))" } ?? ""].filter { !$0.isEmpty }
            .joined(separator: " · ")
    }

    /// Compares each case with what it replaces: none with itself, nor the base with what is built on it.
    mutating func compare(with bases: [Case] = [.direct, .iptables]) {
        for index in results.indices {
            let replaced = results.filter { bases.prefix { $0 != results[index].case }.contains($0.case) }
            results[index].ratios = replaced.compactMap { base in
                Ratio(results[index].rounds, to: base.rounds, against: base.case)
            }
            results[index].tailRatios = replaced.compactMap { base in
                Ratio(results[index].tails, to: base.tails, against: base.case)
            }
        }
    }
}
