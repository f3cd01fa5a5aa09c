/// How a mesh reads a comma-separated list of address ranges. Bits beyond a length are ignored by all of them, because
/// iptables ignores them.
public struct RangeSyntax: Hashable, Sendable {
    /// Whether an address without a length is the range of that one address; else it is invalid.
    public let addresses: Bool
    public let trimsItems: Bool
    public let skipsEmpty: Bool
    public let takesEmpty: Bool

    public init(addresses: Bool, trimsItems: Bool, skipsEmpty: Bool, takesEmpty: Bool = true) {
        self.takesEmpty = takesEmpty
        self.addresses = addresses
        self.trimsItems = trimsItems
        self.skipsEmpty = skipsEmpty
    }
}
