/// A compiled rule: it fits when `facts & care == want`. The first rule that fits decides.
public struct Rule: Hashable, Sendable {
    public let care: Facts
    public let want: Facts
    public let verdict: Verdict
    public let reason: Reason
    /// Index into `CompiledPolicy.sources`.
    public let source: UInt16

    public init(care: Facts, want: Facts, verdict: Verdict, reason: Reason, source: UInt16) {
        self.care = care
        self.want = want
        self.verdict = verdict
        self.reason = reason
        self.source = source
    }

    public func fits(_ facts: Facts) -> Bool {
        facts.intersection(care) == want
    }
}
