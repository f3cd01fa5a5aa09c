/// Ports from `first` to `last`, both included, in host order.
public struct PortRange: Hashable, Sendable, Codable {
    public let first: UInt16
    public let last: UInt16

    /// - Precondition: `first` is not greater than `last`.
    public init(_ first: UInt16, _ last: UInt16) {
        precondition(first <= last)
        self.first = first
        self.last = last
    }

    public init(_ port: UInt16) {
        self.init(port, port)
    }

    /// Every port, 0 to 65535.
    public static let all = PortRange(0, 65535)

    /// Reads "80" or "80-90".
    /// - Throws: a sentence that names the text.
    public init(parsing text: String) throws(InvalidValue) {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = ends.first, let lower = Decimal.read(first, upTo: 65535),
            let upper = ends.count == 1 ? lower : Decimal.read(ends[1], upTo: 65535)
        else {
            throw InvalidValue(
                "\"\(text)\" is not a port or range of ports; write one like 80 or 8000-8080, up to 65535")
        }
        guard lower <= upper else {
            throw InvalidValue("\"\(text)\" ends before it begins; write \(upper)-\(lower)")
        }
        self.init(UInt16(lower), UInt16(upper))
    }

    public func contains(_ port: UInt16) -> Bool {
        first <= port && port <= last
    }
}

extension PortRange: CustomStringConvertible {
    /// "80" or "80-90".
    public var description: String { first == last ? "\(first)" : "\(first)-\(last)" }
}
