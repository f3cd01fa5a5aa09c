/// What is known of a connection by the interface it leaves or came in by.
public struct InterfaceFacts: Hashable, Sendable {
    /// A name; a trailing `+` stands for any ending.
    public let name: String
    public let facts: Facts
    /// When set, only connections of its family count, and inbound destinations in it are in the included range.
    public let network: CIDR?

    public init(name: String, facts: Facts, network: CIDR? = nil) {
        self.name = name
        self.facts = facts
        self.network = network
    }

    public func matches(_ interface: String) -> Bool {
        name.hasSuffix("+") ? interface.hasPrefix(name.dropLast()) : interface == name
    }
}
