import TestSupport

/// Two pods of one node, a namespace each, joined by a veth pair: 10.79.1.1 and 10.79.1.2, fd00:79::1 and ::2.
final class Neighbours: Sendable {
    let pods: [Namespace]

    init() throws {
        pods = [try Namespace(), try Namespace()]
        try Command.run([
            "ip", "link", "add", "eth0", "netns", pods[0].name, "type", "veth", "peer", "name", "eth0", "netns",
            pods[1].name,
        ])
        for (index, pod) in pods.enumerated() {
            try pod.ip([
                "link set lo up", "addr add \(Self.address(index, .ipv4))/24 dev eth0",
                "addr add \(Self.address(index, .ipv6))/64 dev eth0 nodad", "link set eth0 up",
                "route add default via \(Self.address(1 - index, .ipv4))",
            ])
            try pod.ip(["route add default via \(Self.address(1 - index, .ipv6))"], inet6: true)
        }
    }

    static func address(_ index: Int, _ family: Family) -> String {
        family == .ipv4 ? "10.79.1.\(index + 1)" : "fd00:79::\(index + 1)"
    }

    func proxy(_ index: Int) -> Place { pods[index].place(uid: Pod.proxyID) }
    func application(_ index: Int) -> Place { pods[index].place(uid: Pod.applicationID) }
    /// For programs that take several identities themselves.
    func root(_ index: Int) -> Place { pods[index].place }
}
