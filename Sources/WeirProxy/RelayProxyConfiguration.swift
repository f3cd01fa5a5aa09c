public import NIOCore
import WeirCore

/// What a `RelayProxy` listens on and where its limits are.
public struct RelayProxyConfiguration: Sendable {
    /// Which way the relayed traffic flows, seen from the workload. Only a label in `RelayRecord`.
    public enum Direction: String, Sendable {
        case outbound, inbound
    }

    /// Addresses to listen on, at least one. Port 0 lets the kernel choose; `RelayProxy.start()` returns the choice.
    /// `[::]` alone also takes IPv4 (as IPv4-mapped addresses); beside an IPv4 address it takes IPv6 only.
    public var listen: [SocketAddress]
    public var direction = Direction.outbound

    /// From the first SYN to the origin until its handshake is complete. After it the client is reset.
    public var connectTimeout = Duration.seconds(10)

    /// Without a byte moving in either direction, a connection is reset on both sides after this, or up to a quarter
    /// of it (at most 5 s) later. A reader that stalls with data waiting is idle, too. Envoy's `tcp_proxy` has the
    /// same default.
    public var idleTimeout = Duration.seconds(3600)

    /// How long `shutdown()` waits for open connections to end before it resets them.
    public var drainTimeout = Duration.seconds(10)

    /// Open connections at once; each holds two file descriptors. `RelayProxy` lowers it to what RLIMIT_NOFILE allows.
    /// A connection over the limit is reset, not left in the backlog: the application learns at once that it is not
    /// served and can go elsewhere, and the event is counted. One that waits in the backlog looks connected and hangs.
    public var maxConnections = Configuration.Proxy.standardConnections

    /// Called with the descriptor of each socket that dials an origin, before it connects: where the proxy's own connections
    /// would be intercepted, it makes them known. When it throws, there is no connection.
    public var prepareDial: (@Sendable (CInt) throws -> Void)?

    /// Bytes for SO_RCVBUF of every socket, nil for the kernel's auto-tuning (tcp_rmem[2], 6 to 32 MB).
    ///
    /// It bounds what one stalled reader can make the proxy hold: at a FIN, SwiftNIO reads all that the kernel has
    /// queued, whether or not it can be passed on (`BaseSocketChannel.readEOF0`). The price is throughput over long
    /// paths, at most this many bytes a round trip: 512 KiB at 20 ms are 26 MB/s.
    /// Above net.core.rmem_max the size needs CAP_NET_ADMIN; without it the kernel silently uses rmem_max.
    public var receiveBuffer: Int? = 512 * 1024

    /// An open descriptor of the network namespace to listen and dial in, nil for the caller's own. It must stay open
    /// until `RelayProxy.start()` returns. Entering needs CAP_SYS_ADMIN (setns(2)).
    public var networkNamespace: Int32?

    /// Event loop threads. The first one accepts.
    public var threads = 1

    public init(listen: [SocketAddress]) {
        self.listen = listen
    }

    /// Throws `RelayProxyError.badConfiguration` for the first value that cannot work.
    func validate() throws {
        if listen.isEmpty {
            throw RelayProxyError.badConfiguration("listen is empty; give at least one address")
        }
        if let bad = listen.first(where: { $0.port == nil }) {
            throw RelayProxyError.badConfiguration("listen address \(bad) has no port; give an IP address and a port")
        }
        let positive: [(String, Bool)] = [
            ("connectTimeout", connectTimeout > .zero), ("idleTimeout", idleTimeout > .zero),
            ("drainTimeout", drainTimeout >= .zero), ("maxConnections", maxConnections > 0),
            ("threads", threads > 0), ("receiveBuffer", receiveBuffer.map { $0 > 0 && $0 <= 1 << 30 } ?? true),
        ]
        if let bad = positive.first(where: { !$0.1 }) {
            throw RelayProxyError.badConfiguration("\(bad.0) is out of range; give a positive value")
        }
    }
}
