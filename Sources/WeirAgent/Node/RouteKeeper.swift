import CWeirABI
import WeirBPF
import WeirCore

/// Routing tables of one namespace, kept in the kernel.
final class RouteKeeper {
    let namespace: NetworkNamespace
    let table: RouteTable
    var monitor: NamespaceMonitor?
    /// Whether its policy names more of its interfaces than its share.
    var areInterfacesCut = false
    /// Why they could not be read when they were last looked at; nil: they could.
    var fault: String?

    /// - Parameters:
    ///   - written: what an earlier process wrote for the namespace.
    ///   - near: what one wrote for all namespaces, of those whose sockets take part in the short cut.
    init(_ path: String, _ maps: Maps, written: [CIDR], near: [CIDR]) throws(BPFError) {
        namespace = try NetworkNamespace(path: path)
        table = RouteTable(namespace, maps, written: written, near: near)
    }

    /// What of the namespace is not known, because it is more than its share of the maps.
    var limit: String? {
        if let fault {
            return "its routes or interfaces have changed and cannot be read; connections are decided by the earlier "
                + "ones: \(fault)"
        }
        if table.isCut {
            return "its namespace has more than \(WEIR_SHARE_ROUTES) routes; those with the longest prefixes are not "
                + "known, and connections there may show another source address: remove some"
        }
        guard areInterfacesCut else { return nil }
        return "its policy names more than \(WEIR_SHARE_INTERFACES / 2) of its namespace's interfaces; the others are "
            + "decided as if it did not: remove some"
    }
}
