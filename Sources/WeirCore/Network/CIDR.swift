/// A range of addresses: those that share their first `length` bits with `address`.
public struct CIDR: Hashable, Sendable, Codable {
    /// The first address of the range; the bits beyond `length` are zero.
    public let address: Address
    /// In bits of the 16-byte address: 96 + n for an IPv4 range a.b.c.d/n.
    public let length: Int

    /// The range that contains an address; bits beyond the length are cleared.
    /// - Parameter length: in bits of the 16-byte address, 0 to 128.
    public init(containing address: Address, length: Int) {
        precondition((0...128).contains(length))
        self.address = address.masked(to: length)
        self.length = length
    }

    /// The range of one address.
    public init(_ address: Address) {
        self.init(containing: address, length: 128)
    }

    /// Reads "10.0.0.0/8", "2001:db8::/32" or an address alone, which is the range of that one address.
    /// - Throws: a sentence that names the text; for bits set beyond the length, also the range that was likely meant.
    public init(parsing text: String) throws(InvalidValue) {
        let (address, length) = try Self.read(text)
        self.init(containing: address, length: length)
        guard self.address == address else {
            throw InvalidValue(
                "\"\(text)\" has bits set beyond its length; write \(self), or \(CIDR(address)) for the one address")
        }
    }

    /// Reads as iptables does: bits beyond the length are ignored, so "10.1.2.3/8" is 10.0.0.0/8.
    /// - Throws: a sentence that names the text.
    public init(masking text: String) throws(InvalidValue) {
        let (address, length) = try Self.read(text)
        self.init(containing: address, length: length)
    }

    private static func read(_ text: String) throws(InvalidValue) -> (Address, Int) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = Address(String(first)) else {
            throw InvalidValue("\"\(text)\" is not an address range; write one like 10.0.0.0/8 or 2001:db8::/32")
        }
        guard parts.count == 2 else { return (address, 128) }
        // An IPv4 address written as ::ffff:a.b.c.d counts its length in IPv6 bits.
        let isDotted = address.isIPv4 && !first.contains(":")
        let longest = isDotted ? 32 : 128
        guard let length = Decimal.read(parts[1], upTo: longest) else {
            throw InvalidValue("\"\(text)\" has no length from 0 to \(longest) after its slash")
        }
        return (address, isDotted ? length + 96 : length)
    }

    /// Whether the range consists of IPv4 addresses only.
    public var isIPv4: Bool { length >= 96 && address.isIPv4 }

    public func contains(_ other: Address) -> Bool {
        isIPv4 == other.isIPv4 && other.masked(to: length) == address
    }
}

extension CIDR: CustomStringConvertible {
    /// Always with its length: "10.0.0.0/8", "127.0.0.1/32", "::1/128".
    public var description: String { "\(address)/\(isIPv4 ? length - 96 : length)" }
}
