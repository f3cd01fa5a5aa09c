import WeirBPF
import WeirCore

/// Routing tables of one namespace, kept in the kernel.
final class RouteKeeper {
    let namespace: NetworkNamespace
    let table: RouteTable
    var monitor: RouteMonitor?

    /// - Parameter written: what an earlier process wrote for the namespace.
    init(_ path: String, _ maps: Maps, written: [CIDR]) throws(BPFError) {
        namespace = try NetworkNamespace(path: path)
        table = RouteTable(namespace, maps, written: written)
        try table.synchronize(namespace)
    }
}
