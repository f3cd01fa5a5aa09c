/// A set of ports as the kernel keeps it: bit `port % 64` of word `port / 64`, ports in host order.
public struct PortSet: Hashable, Sendable {
    /// 1,024 words.
    public private(set) var words: [UInt64]

    private static let noWords = [UInt64](repeating: 0, count: 1024)

    public init() {
        words = Self.noWords
    }

    public init(_ ranges: some Sequence<PortRange>) {
        self.init()
        for range in ranges { insert(range) }
    }

    public mutating func insert(_ range: PortRange) {
        update(range) { $0 | $1 }
    }

    public mutating func remove(_ range: PortRange) {
        update(range) { $0 & ~$1 }
    }

    public mutating func formUnion(_ other: PortSet) {
        for index in words.indices { words[index] |= other.words[index] }
    }

    private mutating func update(_ range: PortRange, _ combine: (UInt64, UInt64) -> UInt64) {
        let first = Int(range.first) / 64
        let last = Int(range.last) / 64
        for index in first...last {
            var bits = UInt64.max
            if index == first { bits &= UInt64.max << UInt64(range.first % 64) }
            if index == last { bits &= UInt64.max >> UInt64(63 - range.last % 64) }
            words[index] = combine(words[index], bits)
        }
    }

    public func contains(_ port: UInt16) -> Bool {
        words[Int(port) / 64] >> UInt64(port % 64) & 1 == 1
    }

    public var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// How many ports are in the set.
    public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// The set as the fewest ranges, in ascending order.
    public var ranges: [PortRange] {
        var result: [PortRange] = []
        var start: UInt16?
        for port in UInt16.min...UInt16.max {
            if port % 64 == 0 && start == nil && words[Int(port) / 64] == 0 { continue }
            switch (contains(port), start) {
            case (true, nil): start = port
            case (false, let first?):
                result.append(PortRange(first, port - 1))
                start = nil
            default: break
            }
        }
        if let start { result.append(PortRange(start, 65535)) }
        return result
    }
}
