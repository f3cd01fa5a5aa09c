import CWeirBPF
import Dispatch
import Glibc

/// Tells when addresses or routes of a network namespace change.
public final class RouteMonitor {
    private let source: any DispatchSourceRead

    /// - Parameter changed: called on a queue of its own, once for a burst of changes.
    public init(
        _ namespace: borrowing NetworkNamespace, changed: @escaping @Sendable () -> Void
    ) throws(BPFError) {
        let raw = try namespace.enter { () throws(BPFError) -> Int32 in
            let groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE
            let netlink = try Netlink(groups: UInt32(groups))
            let own = fcntl(netlink.descriptor.raw, F_DUPFD_CLOEXEC, 0)
            if own < 0 { throw BPFError(code: errno, operation: "duplicate", subject: "a route netlink socket") }
            return own
        }
        let source = DispatchSource.makeReadSource(fileDescriptor: raw, queue: DispatchQueue(label: "weir.routes"))
        source.setEventHandler {
            usleep(20_000)  // let a burst finish; one reading serves all of it
            var buffer = [UInt8](repeating: 0, count: 16 << 10)
            // ENOBUFS means that changes were lost, which one more reading of the tables mends as well.
            while recv(raw, &buffer, buffer.count, Int32(MSG_DONTWAIT)) > 0 {}
            changed()
        }
        source.setCancelHandler { close(raw) }
        source.resume()
        self.source = source
    }

    deinit { source.cancel() }
}
