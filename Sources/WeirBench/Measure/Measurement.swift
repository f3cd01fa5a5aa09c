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
        /// How many rounds each sitting had.
        public var sittings: [Int]
        /// Microseconds of processor time for one operation, of client, server, proxies and what the kernel does for
        /// them.
        public var cpu: Double?
        /// Connections that nobody answered within seconds; they are not among the samples.
        public var timeouts = 0
        public var ratios: [Ratio] = []
        /// The 99th percentile of each round's samples, where a round has enough of them, and its ratios.
        public var tails: [Double] = []
        public var tailRatios: [Ratio] = []
        /// What the summary is of, for sittings that follow; of a result that was read nil.
        var tally: Tally?

        private enum CodingKeys: String, CodingKey {
            case `case`, summary, rounds, sittings, cpu, timeouts, ratios, tails, tailRatios
        }

        /// Adds what another sitting gave.
        mutating func add(_ other: Result) {
            guard let mine = tally, let more = other.tally else { return }
            let both = mine.followed(by: more)
            tally = both
            summary = both.summary ?? summary
            rounds += other.rounds
            tails += other.tails
            sittings += other.sittings
            timeouts += other.timeouts
            if let own = cpu, let next = other.cpu {
                let weight = Double(other.rounds.count) / Double(rounds.count)
                cpu = own * (1 - weight) + next * weight
            }
        }
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
        [suite, what, variant, parameter.map { "\($0.name) \(Figure.fixed($0.value, 0))" } ?? ""].filter { !$0.isEmpty }
            .joined(separator: " · ")
    }

    /// What cases are compared with.
    var bases: [Case] { suite == SuiteName.proxy.rawValue ? [.haproxy, .envoy] : [.direct, .iptables] }

    /// Compares each case with what it replaces: none with itself, nor the base with what is built on it.
    mutating func compare() {
        for index in results.indices {
            let one = results[index]
            let replaced = results.filter { bases.prefix { $0 != one.case }.contains($0.case) }
            results[index].ratios = replaced.compactMap {
                Ratio(one.rounds, to: $0.rounds, against: $0.case, sittings: one.sittings)
            }
            results[index].tailRatios = replaced.compactMap {
                Ratio(one.tails, to: $0.tails, against: $0.case, sittings: one.sittings)
            }
        }
    }

    /// Adds what another sitting gave.
    mutating func add(_ other: Measurement) {
        for result in other.results {
            guard let index = results.firstIndex(where: { $0.case == result.case }) else { continue }
            results[index].add(result)
        }
    }
}
