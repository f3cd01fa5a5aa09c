/// What is said of a workload's acceleration, by keys of the file or annotations of a pod.
public struct AccelerationSettings: Hashable, Sendable {
    public static let scopeKey = "weir.io/acceleration"
    public static let budgetKey = "weir.io/acceleration-budget"
    public static let applicationReadsKey = "weir.io/application-reads"

    /// What a budget may be, in bytes.
    static let budgets = 1024...(64 << 20)

    /// Nil: what the node's configuration says.
    public var scope: Acceleration?
    /// In bytes; nil: what the node's configuration says.
    public var budget: Int?
    public var applicationReads: ReadHabit?

    init() {}

    public init(annotations: [String: String]) throws(InvalidValue) {
        scope = try Self.word(Self.scopeKey, annotations)
        applicationReads = try Self.word(Self.applicationReadsKey, annotations)
        guard let text = annotations[Self.budgetKey] else { return }
        guard let number = Int(text), Self.budgets.contains(number) else {
            throw InvalidValue(
                "\(Self.budgetKey) should be a number of bytes from \(Self.budgets.lowerBound) to "
                    + "\(Self.budgets.upperBound), but is \"\(text)\"")
        }
        budget = number
    }

    private static func word<Word: RawRepresentable<String> & CaseIterable>(
        _ key: String, _ annotations: [String: String]
    ) throws(InvalidValue) -> Word? {
        guard let text = annotations[key] else { return nil }
        guard let word = Word(rawValue: text) else {
            let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
            throw InvalidValue("\(key) should be one of \(words), but is \"\(text)\"")
        }
        return word
    }
}
