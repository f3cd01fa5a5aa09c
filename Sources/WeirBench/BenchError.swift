/// Why a benchmark cannot go on: one sentence, with what to do.
public struct BenchError: Error, CustomStringConvertible, Sendable {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// A signal asked for the end.
public struct Interrupted: Error, Sendable {
    public let signal: Int32
}
