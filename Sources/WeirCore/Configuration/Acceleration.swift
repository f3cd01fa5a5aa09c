/// Which receivers get bytes by the same-node short cut.
public enum Acceleration: String, Hashable, Sendable, CaseIterable, Codable {
    case off
    /// Proxies whose habits allow it.
    case proxies
    /// Applications too: whoever writes it answers for how they read.
    case full
    /// Proxies, as far as the running kernel's self-test allows.
    case auto

    /// The pod's annotation that says it.
    public static let annotation = "weir.io/acceleration"

    /// What a pod's annotations say; nil when they say nothing.
    public init?(annotations: [String: String]) throws(InvalidValue) {
        guard let word = annotations[Self.annotation] else { return nil }
        guard let found = Self(rawValue: word) else {
            let words = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw InvalidValue("\"\(word)\" is not one of \(words)")
        }
        self = found
    }

    /// What it comes to for one workload. An application's socket joins only where the self-test found that a mere
    /// member is like any other socket, unless the user answers for the application with `full`.
    /// - Parameters:
    ///   - proxy: how the workload's proxy reads.
    ///   - allowed: what the self-test found harmless on the running kernel.
    public func scope(proxy: ProxyReads, allowed: AccelerationScope) -> AccelerationScope {
        let proxies: AccelerationScope =
            switch proxy {
            case .unknown: []
            case .untilEmpty: [.proxy, .senders]
            // Without the kernel's one queue it would be left waiting.
            case .untilShort: allowed.contains(.oneQueue) ? [.proxy, .oneQueue, .senders] : []
            }
        let harmless = allowed.union(proxy == .untilShort ? [.proxy, .oneQueue] : [])
        return switch self {
        case .off: []
        case .proxies: proxies.intersection(harmless.union(.proxy))
        case .full: proxies.union([.senders, .applications])
        case .auto: harmless.contains(.proxy) ? proxies.intersection(harmless) : []
        }
    }
}
