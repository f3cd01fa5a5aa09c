/// Everything that is wrong with a workload's annotations.
public struct AnnotationError: Error, Hashable, Sendable, CustomStringConvertible {
    public struct Problem: Hashable, Sendable, CustomStringConvertible {
        /// The annotation's name.
        public let annotation: String
        /// One sentence without a full stop, which names the invalid item.
        public let sentence: String

        public var description: String { "\(annotation): \(sentence)" }
    }

    /// In the order in which the profile lists its annotations.
    public let problems: [Problem]

    /// One line a problem.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}
