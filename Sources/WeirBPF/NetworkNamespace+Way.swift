import CWeirBPF
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
        /// What the call fails with, as an errno; 0: there is a way.
        public let error: Int32
        public let isMulticast: Bool
        public let isBroadcast: Bool
    }

    /// Asks the kernel, as connect() would.
    public func way(to destination: Address) throws(BPFError) -> Way {
        try way(RouteQuestion(destination: destination))
    }

    /// The same of a certain socket.
    public func way(_ question: RouteQuestion) throws(BPFError) -> Way {
        try enter { () throws(BPFError) in
            var route = Route(isLocal: false, interface: 0, source: nil)
            let type = try RouteReader().ask(question, &route)
            var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
            let isNamed = if_indextoname(route.interface, &name) != nil
            return Way(
                isLocal: route.isLocal, source: route.source,
                interface: isNamed ? String(decoding: name.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self) : nil,
                error: route.error, isMulticast: type == Int(RTN_MULTICAST),
                isBroadcast: route.isBroadcast)
        }
    }
}

extension NetworkNamespace {
    /// Whether the destination alone decides which route a socket gets: no rule of policy routing (ip-rule(8)) looks at its
    /// source, mark, user or ports.
    public func routesByDestination() throws(BPFError) -> Bool {
        try enter { () throws(BPFError) in try RoutingRules.read().isByDestination }
    }

    /// The namespace's own addresses, the loopback ones included.
    public func addresses() throws(BPFError) -> [Address] {
        let routes = try enter { () throws(BPFError) in try RouteReader().read().routes }
        return routes.filter { $1.isLocal && $0.length == 128 }.map(\.key.address).sorted()
    }
}
