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
    public var missing: [Missing]
    public var measurements: [Measurement] = []

    init(site: Site, quick: Bool) {
        self.quick = quick
        machine = Machine()
        cases = site.sides.map(\.case)
        missing = Case.mechanisms.compactMap { one in site.missing[one].map { Missing(case: one, reason: $0) } }
    }
}
