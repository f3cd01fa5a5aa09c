import WeirBPF

/// Routing tables of one namespace, kept in the kernel.
final class RouteKeeper {
    let namespace: NetworkNamespace
    let table: RouteTable
    var monitor: RouteMonitor?

    init(_ path: String, _ maps: Maps) throws(BPFError) {
        namespace = try NetworkNamespace(path: path)
        table = try RouteTable(namespace, maps)
        try table.synchronize(namespace)
    }
}
