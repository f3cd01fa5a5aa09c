import TestSupport

/// Attempts that `attempts.py` makes, one after the other.
enum AttemptList {
    /// - Parameter lines: as that program has them: "tcp 192.0.2.1 80 source=10.0.0.1".
    /// - Returns: what came of each, by its line: "reached proxy", or an errno such as "ENETUNREACH".
    static func outcomes(_ lines: [String], in place: Place) throws -> [String: String] {
        let output = try Command.run(
            ["python3", try Workspace.fixture("attempts.py")], in: place, stdin: lines.joined(separator: "\n") + "\n")
        let outcomes = output.split(separator: "\n").map(String.init)
        guard outcomes.count == lines.count else { throw TestError("not every attempt was made", output: output) }
        return Dictionary(zip(lines, outcomes), uniquingKeysWith: { $1 })
    }
}
