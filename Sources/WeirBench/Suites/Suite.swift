/// The parts of a benchmark, in the order in which they run.
public enum SuiteName: String, CaseIterable, Codable, Sendable {
    case connect, latency, stream, scale, harm, proxy
}

/// One part: it says how long it will take, and measures.
protocol Suite {
    var name: SuiteName { get }
    /// Seconds with so many cases, for the estimate.
    func planned(_ cases: Int) -> Double
    func run(_ site: Site, _ progress: Progress) throws -> [Measurement]
}

extension Suite {
    /// A measurement of this suite.
    func measurement(
        _ what: String, _ variant: String, _ parameter: Measurement.Parameter? = nil, _ unit: Measurement.Unit,
        _ results: [Measurement.Result]
    ) -> Measurement {
        Measurement(
            suite: name.rawValue, what: what, variant: variant, parameter: parameter, unit: unit, results: results)
    }
}
