import NIOCore
import Synchronization

/// What the event loops of one proxy share.
final class RelayCore: Sendable {
    let configuration: RelayProxyConfiguration
    let counters = LiveCounters()
    let originalDestination: @Sendable (any Channel) -> EventLoopFuture<SocketAddress>
    let onConnection: @Sendable (RelayRecord) -> Void
    let loops = LoopWatch()

    private let listeners = Mutex<[SocketAddress]>([])

    init(
        configuration: RelayProxyConfiguration,
        originalDestination: @escaping @Sendable (any Channel) -> EventLoopFuture<SocketAddress>,
        onConnection: @escaping @Sendable (RelayRecord) -> Void
    ) {
        self.configuration = configuration
        self.originalDestination = originalDestination
        self.onConnection = onConnection
    }

    func setListeners(_ addresses: [SocketAddress]) {
        listeners.withLock { $0 = addresses.map(\.unmapped) }
    }

    /// Whether dialing `origin` would reach one of the proxy's own listeners. A connection that was not redirected
    /// has its own local address as the origin; one that sk_lookup steered here has, too, but with another port.
    func isListener(_ origin: SocketAddress, local: SocketAddress?) -> Bool {
        listeners.withLock { bound in
            bound.contains { $0 == origin || ($0.port == origin.port && origin == local) }
        }
    }
}
