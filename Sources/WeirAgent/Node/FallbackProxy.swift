import Glibc
import Logging
import NIOCore
import WeirBPF
import WeirCore
import WeirProxy

/// Weir's own proxy on the loopback addresses of one network namespace, at one port for both families, or for the one
/// that there is.
final class FallbackProxy: Sendable {
    let port: UInt16
    let limits: Configuration.Proxy
    private let relay: RelayProxy

    private init(port: UInt16, limits: Configuration.Proxy, relay: RelayProxy) {
        self.port = port
        self.limits = limits
        self.relay = relay
    }

    struct Options: Sendable {
        var limits = Configuration.Proxy()
        /// An open descriptor of the namespace; nil for this process's own.
        var namespace: Int32?
        /// The port to take; nil for any free one.
        var port: UInt16?
        var log: AccessLog?
        /// Where its own connections would be intercepted, by whom.
        var maps: Maps?
    }

    /// Listens. A port that somebody else takes between the choice and the bind is given up for another.
    static func start(_ options: Options) async throws -> FallbackProxy {
        for attempt in 0..<5 {
            let port = try options.port ?? FreePort.find(options.namespace)
            do {
                let relay = try relay(options, port)
                _ = try await relay.start()
                return FallbackProxy(port: port, limits: options.limits, relay: relay)
            } catch let error as IOError where error.errnoCode == EADDRINUSE && options.port == nil && attempt < 4 {
                continue
            }
        }
        throw BPFError(code: EADDRINUSE, operation: "find", subject: "a free port for the fallback proxy")
    }

    private static func relay(_ options: Options, _ port: UInt16) throws -> RelayProxy {
        let addresses = try FreePort.loopbackAddresses(options.namespace)
        var configuration = RelayProxyConfiguration(
            listen: try addresses.map { try SocketAddress(ipAddress: "\($0)", port: Int(port)) })
        configuration.connectTimeout = options.limits.connectTimeout
        configuration.idleTimeout = options.limits.idleTimeout
        configuration.maxConnections = min(options.limits.maxConnections, FileLimit.raise(spare: 128) / 2)
        configuration.networkNamespace = options.namespace
        if let maps = options.maps { configuration.prepareDial = { try maps.noteOwn($0) } }
        var logger = Logger(label: "weir.proxy")
        logger.logLevel = .warning
        let log = options.log
        return RelayProxy(configuration: configuration, logger: logger, onConnection: { log?.append($0) })
    }

    func stop() async { await relay.shutdown() }

    /// Accepts no more connections, and does not wait for the open ones.
    /// - Parameter isReplaced: whether these may go on for as long as they like, because their workload stays.
    func retire(isReplaced: Bool = false) {
        Task { await relay.shutdown(within: isReplaced ? .seconds(365 * 86400) : nil) }
    }

    var counters: RelayCounters { relay.snapshot() }
}
