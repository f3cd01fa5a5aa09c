import WeirBPF
import WeirCore

/// Routing tables of one namespace, kept in the kernel.
final class RouteKeeper {
    let namespace: NetworkNamespace
    let table: RouteTable
    var monitor: NamespaceMonitor?

    /// - Parameters:
    ///   - written: what an earlier process wrote for the namespace.
    ///   - near: what one wrote for all namespaces, of those whose sockets take part in the short cut.
    init(_ path: String, _ maps: Maps, written: [CIDR], near: [CIDR]) throws(BPFError) {
        namespace = try NetworkNamespace(path: path)
        table = RouteTable(namespace, maps, written: written, near: near)
    }
}
