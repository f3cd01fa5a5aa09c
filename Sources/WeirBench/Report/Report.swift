import WeirAgent
import WeirCore

/// What a run found out.
public struct Report: Codable, Sendable {
    /// A case that was to be measured and could not be.
    public struct Missing: Codable, Sendable {
        public var `case`: Case
        public var reason: String
    }

    public static let schema = "weir.bench/v1"

    public var schema = Report.schema
    public var quick: Bool
    public var machine: Machine
    /// How long the run took.
    public var seconds = 0.0
    public var cases: [Case]
    /// Programs at the cgroup root, which the processes of every case meet.
    public var others: [String] = []
    public var missing: [Missing]
    /// What the load generator itself costs: a round trip to its own server over loopback, in nanoseconds.
    public var floor: Summary?
    /// Suites that could not be carried out, each with the reason.
    public var failures: [String] = []
    public var measurements: [Measurement] = []

    init(quick: Bool, cases: [Case], missing: [Missing]) {
        self.quick = quick
        self.cases = cases
        self.missing = missing
        machine = Machine()
    }
}
