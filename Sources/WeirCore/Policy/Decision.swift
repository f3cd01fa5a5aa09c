/// What was decided of an attempt, and by which rule.
public struct Decision: Hashable, Sendable {
    public let verdict: Verdict
    public let reason: Reason
    /// Index of the rule in its direction.
    public let rule: Int
    /// The name that the rule cites: an annotation or key, or "profile istio".
    public let source: String

    public init(verdict: Verdict, reason: Reason, rule: Int, source: String) {
        self.verdict = verdict
        self.reason = reason
        self.rule = rule
        self.source = source
    }
}
