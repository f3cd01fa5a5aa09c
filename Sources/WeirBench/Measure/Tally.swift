import CWeirBench
import Glibc

/// What the rounds of one case gave.
struct Tally {
    private var recorder = Recorder()
    private(set) var rounds: [Double] = []
    private var tails: [Double] = []
    /// Operations.
    private(set) var count = 0
    private var isTimed = false

    /// A round of samples, in nanoseconds; its value is their median.
    mutating func add(_ samples: [UInt32]) {
        guard !samples.isEmpty else { return }
        isTimed = true
        recorder.record(samples)
        rounds.append(Median.of(samples))
        count += samples.count
    }

    /// A round of samples that is large enough to have a 99th percentile.
    /// - Parameter isPaced: whether requests were due at fixed times. Otherwise each connection waited for its
    ///   responses, and its samples are corrected for what they kept from being sent: nothing would have been late at
    ///   intervals of the median.
    mutating func add(round samples: [UInt32], isPaced: Bool) {
        guard !samples.isEmpty else { return }
        isTimed = true
        var round = Recorder()
        round.record(samples, interval: isPaced ? nil : Median.of(samples))
        recorder.add(round)
        guard let summary = round.summary else { return }
        rounds.append(summary.p50)
        tails.append(summary.p99)
        count += samples.count
    }

    /// A round that is one value.
    mutating func add(_ value: Double, count: Int) {
        rounds.append(value)
        self.count += count
    }

    /// Nil: there was no round.
    func result(_ one: Case, cpu: Double? = nil) -> Measurement.Result? {
        guard let summary = isTimed ? recorder.summary : Summary(values: rounds) else { return nil }
        return Measurement.Result(case: one, summary: summary, rounds: rounds, cpu: cpu, tails: tails)
    }
}

/// Processor time of each case since the meter was made.
struct Meter {
    private let sides: [Site.Side]
    private let begin: [Double]

    init(_ site: Site) {
        sides = site.sides
        begin = sides.map(\.cgroup.cpu)
    }

    /// Seconds, by case.
    var seconds: [Case: Double] {
        Dictionary(zip(sides, begin).map { side, begin in (side.case, side.cgroup.cpu - begin) }, uniquingKeysWith: +)
    }

    /// Microseconds an operation, by case.
    func read(operations: [Int]) -> [Case: Double] {
        let seconds = seconds
        return zip(sides, operations).reduce(into: [:]) { result, pair in
            let (side, count) = pair
            if count > 0, let used = seconds[side.case], used > 0 { result[side.case] = used * 1e6 / Double(count) }
        }
    }
}

/// The processors that this process may run on.
enum Processors {
    static let available: [Int] = {
        var list = [Int32](repeating: 0, count: 1024)
        let count = weir_bench_processors(&list, Int32(list.count))
        return list.prefix(Int(count)).map(Int.init)
    }()

    /// Where threads run decides more about a round trip than what is measured here, so a suite of one client and one
    /// server gives each its own.
    static var server: Int { available[available.count - 1] }
    static var clients: [Int] { available.count > 1 ? Array(available.dropLast()) : available }
}
