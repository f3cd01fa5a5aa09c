internal import CWeirABI

/// What the short cut may do for a workload: `enum weir_acceleration`.
public struct AccelerationScope: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Its proxy receives redirected bytes.
    public static let proxy = AccelerationScope(rawValue: WEIR_ACCELERATE_PROXY.rawValue)
    /// Its applications' sockets may be members, and so send them.
    public static let senders = AccelerationScope(rawValue: WEIR_ACCELERATE_SENDERS.rawValue)
    /// Its applications receive them.
    public static let applications = AccelerationScope(rawValue: WEIR_ACCELERATE_APPLICATIONS.rawValue)

    /// Its proxy takes a short read for "empty", and receives only with the stack's bytes in the same queue.
    public static let proxyQueue = AccelerationScope(rawValue: WEIR_ACCELERATE_PROXY_QUEUE.rawValue)
    /// So do its applications.
    public static let applicationQueue = AccelerationScope(rawValue: WEIR_ACCELERATE_APPLICATION_QUEUE.rawValue)

    public static let all: AccelerationScope = [.proxy, .senders, .applications]
}
