extension PortRange {
    /// A power of two of ports, of which the first `length` of 16 bits are the same.
    public struct Prefix: Hashable, Sendable {
        public let port: UInt16
        public let length: UInt32
    }

    /// The fewest prefixes that cover the range.
    public var prefixes: [Prefix] {
        var found: [Prefix] = []
        var start = UInt32(first)
        while start <= UInt32(last) {
            var size: UInt32 = start == 0 ? 65536 : 1 << UInt32(start.trailingZeroBitCount)
            while start + size - 1 > UInt32(last) { size /= 2 }
            found.append(Prefix(port: UInt16(start), length: 16 - UInt32(size.trailingZeroBitCount)))
            start += size
        }
        return found
    }

    /// The fewest ranges that cover the same ports, in ascending order.
    public static func merged(_ ranges: [PortRange]) -> [PortRange] {
        var result: [PortRange] = []
        for range in ranges.sorted(by: { $0.first < $1.first }) {
            if let last = result.last, UInt32(range.first) <= UInt32(last.last) + 1 {
                result[result.count - 1] = PortRange(last.first, max(last.last, range.last))
            } else {
                result.append(range)
            }
        }
        return result
    }
}
