/// Everything that is wrong with a configuration file, in the order of its lines.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    public let file: String
    public let problems: [ConfigurationProblem]

    public init(file: String, problems: [ConfigurationProblem]) {
        self.file = file
        self.problems = problems.sorted { ($0.line ?? 0, $0.sentence) < ($1.line ?? 0, $1.sentence) }
    }

    /// One line a problem: "weir.yaml:12: workloads[0].dns: ...".
    public var description: String {
        problems.map { problem in
            let place = problem.line.map { "\(file):\($0)" } ?? file
            return "\(place): \(problem.description)"
        }.joined(separator: "\n")
    }
}
