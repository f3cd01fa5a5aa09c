import WeirCore

/// The parts of a benchmark, in the order in which they run.
public enum SuiteName: String, CaseIterable, Codable, Sendable {
    case connect, latency, stream, scale, harm, proxy
}

/// One part: it says how long it will take, and measures.
protocol Suite {
    var name: SuiteName { get }
    /// Seconds, for the estimate.
    var planned: Double { get }
    func run(_ site: Site, _ progress: Progress) throws -> [Measurement]
}
