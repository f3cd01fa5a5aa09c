import WeirCore

/// The two families of addresses.
enum Family: String, CaseIterable, Sendable {
    case ipv4 = "IPv4"
    case ipv6 = "IPv6"

    /// An address that nothing on the node has: connections to it reach the proxy, or nothing.
    var elsewhere: Address {
        self == .ipv4 ? Address(ipv4: 0xc633_6407) : Address(high: 0x2001_0db8_0000_0001, low: 7)
    }

    var loopback: Address { self == .ipv4 ? .loopback4 : .loopback6 }
}
