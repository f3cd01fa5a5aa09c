import CWeirBPF
import Glibc
public import WeirCore

/// What the kernel is asked about the way of a socket's packets: RTM_GETROUTE of rtnetlink(7).
public struct RouteQuestion: Sendable {
    public var destination: Address
    /// The address that the socket is bound to; nil: none yet.
    public var source: Address?
    /// Whose socket it is; nil: this process's user's.
    public var uid: UInt32?
    /// A number of IP protocols and a port, for rules of routing that look at them.
    public var transport: (protocol: UInt8, port: UInt16)?

    public init(destination: Address, source: Address? = nil) {
        self.destination = destination
        self.source = source
    }

    /// What follows the header of the netlink message.
    var message: [UInt8] {
        var request = rtmsg()
        request.rtm_family = UInt8(destination.isIPv4 ? AF_INET : AF_INET6)
        request.rtm_dst_len = destination.isIPv4 ? 32 : 128
        let source = source.flatMap { $0.isIPv4 == destination.isIPv4 && !$0.isUnspecified ? $0 : nil }
        if source != nil { request.rtm_src_len = request.rtm_dst_len }
        var message = withUnsafeBytes(of: &request) { Array($0) }
        message += Self.attribute(Int(RTA_DST.rawValue), Self.bytes(destination))
        if let source { message += Self.attribute(Int(RTA_SRC.rawValue), Self.bytes(source)) }
        if let uid { message += Self.attribute(Int(RTA_UID.rawValue), withUnsafeBytes(of: uid) { Array($0) }) }
        if let transport {
            message += Self.attribute(Int(RTA_IP_PROTO.rawValue), [transport.protocol])
            message += Self.attribute(
                Int(RTA_DPORT.rawValue), withUnsafeBytes(of: transport.port.bigEndian) { Array($0) })
        }
        return message
    }

    private static func bytes(_ address: Address) -> [UInt8] {
        address.isIPv4 ? Array(address.bytes.suffix(4)) : address.bytes
    }

    /// An rtattr, filled up to a multiple of four bytes.
    private static func attribute(_ type: Int, _ value: [UInt8]) -> [UInt8] {
        [UInt8(4 + value.count), 0, UInt8(type), 0] + value + [UInt8](repeating: 0, count: -value.count & 3)
    }
}
