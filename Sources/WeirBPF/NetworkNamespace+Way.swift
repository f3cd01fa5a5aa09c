import Glibc
public import WeirCore

extension NetworkNamespace {
    /// What the namespace's routes say of a destination.
    public struct Way: Sendable {
        /// Whether the destination is an address of the namespace.
        public let isLocal: Bool
        /// What the kernel would choose as the source; nil when there is no route.
        public let source: Address?
        /// The name of the interface that leads there.
        public let interface: String?
    }

    /// Asks the kernel, as connect() would.
    public func way(to destination: Address) throws(BPFError) -> Way {
        try enter { () throws(BPFError) in
            var route = Route(isLocal: false, interface: 0, source: nil)
            try RouteReader().ask(destination, &route)
            var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
            let isNamed = if_indextoname(route.interface, &name) != nil
            return Way(
                isLocal: route.isLocal, source: route.source,
                interface: isNamed ? String(decoding: name.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self) : nil)
        }
    }
}

extension NetworkNamespace {
    /// The namespace's own addresses, the loopback ones included.
    public func addresses() throws(BPFError) -> [Address] {
        let routes = try enter { () throws(BPFError) in try RouteReader().read().routes }
        return routes.filter { $1.isLocal && $0.length == 128 }.map(\.key.address).sorted()
    }
}
