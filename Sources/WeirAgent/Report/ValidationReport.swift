import WeirCore

/// What `weir config validate` finds in a file.
public struct ValidationReport: Encodable, Sendable {
    public let schema = "weir.validation/v1"
    public let file: String
    public let valid: Bool
    /// How many workloads the file has; nil when it is not valid.
    public let workloads: Int?
    public let problems: [Problem]
    /// What is valid, and perhaps not meant.
    public let warnings: [String]

    public struct Problem: Encodable, Sendable {
        /// From 1; nil when it is about the whole file.
        public let line: Int?
        /// "workloads[0].proxy.outbound"; empty for the whole file.
        public let key: String
        public let sentence: String
    }

    /// - Throws: a sentence, when the file cannot be read at all.
    public init(file: String) throws {
        self.file = file
        do {
            let configuration = try ConfigurationFile.read(file)
            problems = configuration.workloads.enumerated().compactMap { index, workload in
                do {
                    _ = try PolicyCompiler.compile(workload.policy)
                    return nil
                } catch {
                    return Problem(line: nil, key: "workloads[\(index)]", sentence: "\(error)")
                }
            }
            workloads = problems.isEmpty ? configuration.workloads.count : nil
            warnings = configuration.hasWorkloadList ? [] : [Self.withoutList]
        } catch let error as ConfigurationError {
            problems = error.problems.map { Problem(line: $0.line, key: $0.path, sentence: $0.sentence) }
            workloads = nil
            warnings = []
        }
        valid = problems.isEmpty
    }

    private static let withoutList =
        "it has no list of workloads, as if it had been cut short; an agent that has workloads of a file does not take it; "
        + "write workloads: [] if there are to be none"

    /// A line a problem: "weir.yaml:12: workloads[0].dns: ...".
    public var text: String {
        if let workloads {
            return (["\(file) is valid: \(workloads) workloads"] + warnings.map { "\(file): \($0)" })
                .map(\.printable).joined(separator: "\n")
        }
        return ConfigurationError(
            file: file,
            problems: problems.map { ConfigurationProblem(line: $0.line, path: $0.key, sentence: $0.sentence) }
        ).description
    }
}
