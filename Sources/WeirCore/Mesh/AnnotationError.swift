/// Everything that is wrong with a workload's annotations.
public struct AnnotationError: Error, Hashable, Sendable, CustomStringConvertible {
    public struct Problem: Hashable, Sendable, CustomStringConvertible {
        /// The annotation's name.
        public let annotation: String
        /// One sentence without a full stop, which names the invalid item.
        public let sentence: String

        public var description: String { "\(annotation): \(sentence)".printable }
    }

    /// In the order in which the profile lists its annotations.
    public let problems: [Problem]

    /// The first of them in one line, and how many more there are.
    public var description: String {
        let more = problems.count > Self.shown ? ["and \(problems.count - Self.shown) more"] : []
        return (problems.prefix(Self.shown).map(\.description) + more).joined(separator: "; ")
    }

    private static let shown = 20
}
