/// What the rounds of one side gave.
struct Tally {
    private var recorder = Recorder()
    private var rounds: [Double] = []
    private var tails: [Double] = []
    private var isTimed = false

    /// A round of samples, in nanoseconds; its value is their median.
    mutating func add(_ samples: [UInt32]) {
        guard !samples.isEmpty else { return }
        isTimed = true
        recorder.record(samples)
        rounds.append(Median.of(samples))
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
    }

    /// A round that is one value.
    mutating func add(_ value: Double) { rounds.append(value) }

    func followed(by other: Tally) -> Tally {
        var both = self
        both.recorder.add(other.recorder)
        both.rounds += other.rounds
        both.tails += other.tails
        return both
    }

    /// Nil: there was no round.
    var summary: Summary? { isTimed ? recorder.summary : Summary(values: rounds) }

    /// Nil: there was no round.
    func result(_ one: Case, cpu: Double? = nil) -> Measurement.Result? {
        guard let summary else { return nil }
        return Measurement.Result(
            case: one, summary: summary, rounds: rounds, sittings: [rounds.count], cpu: cpu, tails: tails, tally: self)
    }
}
