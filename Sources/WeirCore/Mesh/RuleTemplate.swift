/// One row of a dialect's decision table: a rule over facts, and when the specification calls for it.
public struct RuleTemplate: Hashable, Sendable {
    public let verdict: Verdict
    public let reason: Reason
    /// At least one of these is set; no bits: it does not matter.
    public let any: Facts
    /// All of these are set.
    public let required: Facts
    /// None of these is set.
    public let forbidden: Facts
    /// The row stands only when the specification meets all of these ...
    public let conditions: [Condition]
    /// ... and none of these.
    public let exceptions: [Condition]
    /// The setting that the row comes from.
    public let setting: Setting?

    /// - Parameters:
    ///   - by: at least one of these facts is set.
    ///   - required: all of these facts are set.
    ///   - forbidden: none of these facts is set.
    public init(
        _ verdict: Verdict, _ reason: Reason, by any: Facts = [], if required: Facts = [],
        unless forbidden: Facts = [], when conditions: [Condition] = [], whenNot exceptions: [Condition] = [],
        cite setting: Setting? = nil
    ) {
        self.verdict = verdict
        self.reason = reason
        self.any = any
        self.required = required
        self.forbidden = forbidden
        self.conditions = conditions
        self.exceptions = exceptions
        self.setting = setting
    }
}
