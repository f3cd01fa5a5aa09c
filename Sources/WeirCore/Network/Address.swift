/// An IP address of either family in 16 bytes, IPv4 as `::ffff:a.b.c.d` (RFC 4291, 2.5.5.2), as in `weir/abi.h`.
///
/// The two halves are numbers: `high` holds the first eight bytes of the address, the first byte in its top bits.
/// So comparing halves orders addresses as their bytes in network order do.
public struct Address: Hashable, Sendable, Comparable, Codable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An IPv4 address from its number in host order: 0x7f000001 is 127.0.0.1.
    public init(ipv4: UInt32) {
        self.init(high: 0, low: 0xffff_0000_0000 | UInt64(ipv4))
    }

    /// The address in 16 bytes of memory in network order, as the kernel side keeps them.
    /// - Returns: nil unless there are exactly 16 bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        self.init(
            high: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
            low: bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// The 16 bytes in network order.
    public var bytes: [UInt8] {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) }
    }

    /// Writes the 16 bytes in network order to memory that has room for them.
    public func write(to memory: UnsafeMutableRawPointer) {
        memory.storeBytes(of: high.bigEndian, as: UInt64.self)
        memory.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }

    /// The IPv4 address as a number in host order; nil for IPv6.
    public var ipv4: UInt32? { isIPv4 ? UInt32(truncatingIfNeeded: low) : nil }

    public var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

    /// Whether it is in 127.0.0.0/8 or is ::1.
    public var isLoopback: Bool {
        isIPv4 ? low >> 24 & 0xff == 127 : high == 0 && low == 1
    }

    /// Whether it is in 169.254.0.0/16 or fe80::/10.
    public var isLinkLocal: Bool {
        isIPv4 ? low >> 16 & 0xffff == 0xa9fe : high >> 54 == 0xfe80 >> 6
    }

    /// Whether it is 0.0.0.0 or ::, which connect() takes for this host.
    public var isUnspecified: Bool { high == 0 && (low == 0 || low == 0xffff_0000_0000) }

    /// Whether it is 127.0.0.6 or ::6, from which Istio's and Kuma's proxies pass inbound traffic on.
    public var isPassthroughSource: Bool { high == 0 && (low == 6 || low == 0xffff_7f00_0006) }

    /// 127.0.0.1.
    public static let loopback4 = Address(ipv4: 0x7f00_0001)
    /// ::1.
    public static let loopback6 = Address(high: 0, low: 1)
    /// 0.0.0.0.
    public static let any4 = Address(ipv4: 0)
    /// ::.
    public static let any6 = Address(high: 0, low: 0)

    public static func < (left: Address, right: Address) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// The address with all but its first `length` bits cleared.
    /// - Parameter length: in bits of the 16 bytes, 0 to 128.
    func masked(to length: Int) -> Address {
        Address(high: high & Self.mask(length), low: low & Self.mask(length - 64))
    }

    private static func mask(_ bits: Int) -> UInt64 {
        if bits <= 0 { return 0 }
        return bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits))
    }
}
