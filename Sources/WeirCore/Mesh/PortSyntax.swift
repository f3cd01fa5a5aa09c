/// How a mesh reads a comma-separated list of ports.
public struct PortSyntax: Hashable, Sendable {
    /// Whether an item may be "first-last".
    public let ranges: Bool
    /// Whether spaces around an item are ignored; else they make it invalid.
    public let trimsItems: Bool
    /// Whether empty items are ignored; else they are invalid.
    public let skipsEmpty: Bool
    /// Whether an empty text is an empty list, which is nothing and never everything; else it is invalid.
    public let takesEmpty: Bool
    /// Whether the mesh goes on without an invalid item, and without saying so to anyone but its log.
    public let skipsInvalid: Bool
    /// 0 or 1.
    public let lowest: UInt16

    public init(
        ranges: Bool, trimsItems: Bool, skipsEmpty: Bool, takesEmpty: Bool = true, skipsInvalid: Bool = false,
        lowest: UInt16
    ) {
        self.takesEmpty = takesEmpty
        self.skipsInvalid = skipsInvalid
        self.ranges = ranges
        self.trimsItems = trimsItems
        self.skipsEmpty = skipsEmpty
        self.lowest = lowest
    }
}
