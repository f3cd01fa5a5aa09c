import CWeirBPF
import Dispatch
import Glibc
import Synchronization

/// Tells when something of a network namespace changes.
public final class NamespaceMonitor {
    public enum Subject: Sendable {
        /// Interfaces, addresses, routes and rules of routing.
        case routes
        /// Anything of nftables, also what iptables-nft does.
        case rules
    }

    private let source: any DispatchSourceRead

    /// - Parameter changed: called on a queue of its own, once for a burst of changes.
    public init(
        _ namespace: borrowing NetworkNamespace, _ subject: Subject, changed: @escaping @Sendable () -> Void
    ) throws(BPFError) {
        let raw = try namespace.enter { () throws(BPFError) -> Int32 in
            let netlink = try Netlink(groups: subject.groups, protocol: subject.protocol)
            let own = fcntl(netlink.descriptor.raw, F_DUPFD_CLOEXEC, 0)
            if own < 0 { throw BPFError(code: errno, operation: "duplicate", subject: "a netlink socket") }
            return own
        }
        let queue = DispatchQueue(label: "weir.namespace")
        let source = DispatchSource.makeReadSource(fileDescriptor: raw, queue: queue)
        let pace = Mutex(Pace())
        source.setEventHandler {
            usleep(20_000)  // let a burst finish; one reading serves all of it
            var buffer = [UInt8](repeating: 0, count: 16 << 10)
            // ENOBUFS means that changes were lost, which one more reading mends as well.
            while recv(raw, &buffer, buffer.count, Int32(MSG_DONTWAIT)) > 0 {}
            guard let wait = pace.withLock({ $0.next() }) else { return }
            queue.asyncAfter(deadline: .now() + .milliseconds(wait)) {
                pace.withLock { $0.isWaiting = false }
                changed()
            }
        }
        source.setCancelHandler { close(raw) }
        source.resume()
        self.source = source
    }

    deinit { source.cancel() }

    /// How long a namespace waits until it is read again: who changes it without an end is followed ever more slowly, for
    /// others have to be followed, too.
    private struct Pace {
        private static let longest = 2_000
        private var wait = 0
        private var last = ContinuousClock.now - .seconds(60)
        var isWaiting = false

        /// In milliseconds; nil: it waits already, and this change with it.
        mutating func next() -> Int? {
            if isWaiting { return nil }
            let isBusy = ContinuousClock.now - last < .milliseconds(4 * wait + 80)
            wait = isBusy ? min(wait * 2 + 10, Self.longest) : 0
            last = .now + .milliseconds(wait)
            isWaiting = true
            return wait
        }
    }
}

extension NamespaceMonitor.Subject {
    fileprivate var `protocol`: Int32 { self == .routes ? NETLINK_ROUTE : NETLINK_NETFILTER }

    fileprivate var groups: UInt32 {
        switch self {
        case .routes:
            UInt32(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE)
                | UInt32(RTMGRP_IPV4_RULE) | 1 << (19 - 1)  // RTNLGRP_IPV6_RULE of linux/rtnetlink.h
        case .rules: 1 << (7 - 1)  // NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h
        }
    }
}
