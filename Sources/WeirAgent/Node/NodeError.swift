import WeirCore

/// Why a configuration cannot be applied: one sentence a workload.
public struct NodeError: Error, CustomStringConvertible, Sendable {
    public let problems: [String]
    public var description: String { problems.map(\.printable).joined(separator: "\n") }
}
