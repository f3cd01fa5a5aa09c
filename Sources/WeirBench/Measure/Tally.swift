import CWeirBench
import Glibc

/// What the rounds of one case gave.
struct Tally {
    private var recorder = Recorder()
    private(set) var rounds: [Double] = []
    /// Operations.
    private(set) var count = 0
    private var isTimed = false

    /// A round of samples, in nanoseconds; its value is their median.
    mutating func add(_ samples: [UInt32], interval: Double? = nil) {
        guard !samples.isEmpty else { return }
        isTimed = true
        recorder.record(samples, interval: interval)
        rounds.append(Median.of(samples))
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
        return Measurement.Result(case: one, summary: summary, rounds: rounds, cpu: cpu)
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

    /// Microseconds an operation, by case.
    func read(operations: [Int]) -> [Case: Double] {
        var result: [Case: Double] = [:]
        for (index, side) in sides.enumerated() where operations[index] > 0 && side.cgroup.cpu > begin[index] {
            result[side.case] = (side.cgroup.cpu - begin[index]) * 1e6 / Double(operations[index])
        }
        return result
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
