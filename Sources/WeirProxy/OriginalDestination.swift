import Glibc
public import NIOCore

/// Where an accepted connection was going before it was redirected.
public enum OriginalDestination {
    /// Not in Swift's Glibc module: linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h, both 80.
    private static let soOriginalDst = NIOBSDSocket.Option(rawValue: 80)
    private static let levelIPv6 = NIOBSDSocket.OptionLevel(rawValue: SOL_IPV6)
    private static let levelIP = NIOBSDSocket.OptionLevel(rawValue: SOL_IP)

    /// Asks the kernel (or Weir's getsockopt hook) with SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST for IPv6.
    /// An IPv6 socket that carries IPv4 is asked at SOL_IP, as the connection was redirected by IPv4 rules.
    /// Fails with the kernel's `IOError`: ENOENT or ENOPROTOOPT if nothing redirected the connection.
    @Sendable public static func resolve(_ channel: any Channel) -> EventLoopFuture<SocketAddress> {
        guard let socket = channel as? any SocketOptionProvider, let local = channel.localAddress?.unmapped else {
            return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        if local.protocol == .inet6 {
            let answer: EventLoopFuture<sockaddr_in6> =
                socket.unsafeGetSocketOption(level: levelIPv6, name: soOriginalDst)
            return answer.map { SocketAddress($0).unmapped }
        }
        let answer: EventLoopFuture<sockaddr_in> = socket.unsafeGetSocketOption(level: levelIP, name: soOriginalDst)
        return answer.map { SocketAddress($0) }
    }
}
