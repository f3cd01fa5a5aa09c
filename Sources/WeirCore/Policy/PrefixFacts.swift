/// An entry of `weir_prefixes`: what is known of an address by the longest prefix that covers it.
/// The facts are already those of all prefixes that cover it.
public struct PrefixFacts: Hashable, Sendable {
    /// Outbound prefixes are looked up by destination, inbound ones by the client's address.
    public let direction: Direction
    public let range: CIDR
    public let facts: Facts

    public init(direction: Direction, range: CIDR, facts: Facts) {
        self.direction = direction
        self.range = range
        self.facts = facts
    }
}
