/// Which receivers get bytes by the same-node short cut.
public enum Acceleration: String, Hashable, Sendable, CaseIterable, Codable {
    case off
    /// Proxies whose habits allow it.
    case proxies
    /// Applications too: those of which is said how they read, or all where the self-test finds that any may.
    case full
    /// Proxies, as far as the running kernel's self-test allows.
    case auto

    /// What it means for one workload. An application's socket joins only where the self-test found that a mere
    /// member is like any other socket, unless the user answers for how the application reads.
    /// - Parameters:
    ///   - proxy: how the workload's proxy reads.
    ///   - application: how its applications do.
    ///   - allowed: what the self-test found harmless on the running kernel; `.proxyQueue` of either queue.
    public func scope(proxy: ReadHabit, application: ReadHabit, allowed: AccelerationScope) -> AccelerationScope {
        let hasQueue = allowed.contains(.proxyQueue)
        let proxies = Self.receivers(proxy, .proxy, hasQueue ? .proxyQueue : nil)
        let applications = Self.receivers(application, .applications, hasQueue ? .applicationQueue : nil)
        switch self {
        case .off: return []
        case .auto where proxy == .untilEmpty && !allowed.contains(.proxy): return []
        case .full where !applications.isEmpty: return proxies.union(applications).union(.senders)
        case .full where allowed.contains(.applications): return proxies.union([.applications, .senders])
        case .full, .proxies, .auto: return proxies.isEmpty ? [] : proxies.union(allowed.intersection(.senders))
        }
    }

    /// - Parameter queue: nil where the kernel has none that those need who take a short read for "empty".
    private static func receivers(
        _ habit: ReadHabit, _ who: AccelerationScope, _ queue: AccelerationScope?
    ) -> AccelerationScope {
        switch habit {
        case .unknown: []
        case .untilEmpty: who
        case .untilShort: queue.map(who.union) ?? []
        }
    }
}
