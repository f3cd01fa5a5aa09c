/// A pod and the world outside it, a namespace each.
///
///     outside                                       pod
///     po0  10.77.<n>.1/24, fd00:77:<n>::1/64 ---- eth0  10.77.<n>.10/24, fd00:77:<n>::10/64
///                                                 lo    127.0.0.1/8, ::1, ::6
///
/// The outside answers for every address that comes in on `po0` (its listeners have to be transparent), so any
/// destination exists. Two pods with one number have equal addresses, and each its own outside.
///
/// `::6` is there because Istio's own set-up adds it: inbound pass-through connections of the proxy have it as source.
public final class Pod: Sendable {
    public static let proxyID: UInt32 = 1337
    public static let applicationID: UInt32 = 1000

    public let namespace: Namespace
    public let outside: Namespace
    public let number: Int

    public init(number: Int = 1, name: String = Namespace.newName()) throws {
        self.number = number
        namespace = try Namespace(name: name)
        outside = try Namespace()
        try Command.run([
            "ip", "link", "add", "eth0", "netns", namespace.name, "type", "veth", "peer", "name", "po0", "netns",
            outside.name,
        ])
        try configurePod()
        try configureOutside()
        try awaitLocalRoutes()
    }

    /// The pod's address and the outside's, of a family.
    public func address(_ family: Family) -> String {
        family == .ipv4 ? "10.77.\(number).10" : "fd00:77:\(number)::10"
    }

    public func gateway(_ family: Family) -> String {
        family == .ipv4 ? "10.77.\(number).1" : "fd00:77:\(number)::1"
    }

    public var application: Place { namespace.place(uid: Self.applicationID) }
    public var proxy: Place { namespace.place(uid: Self.proxyID) }

    private func configurePod() throws {
        try namespace.sysctl([
            "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.tcp_fastopen": "3",
            "net.ipv6.conf.eth0.accept_dad": "0",
        ])
        try namespace.ip([
            "link set lo up", "addr add ::6/128 dev lo",
            "addr add \(address(.ipv4))/24 dev eth0", "addr add \(address(.ipv6))/64 dev eth0 nodad",
            "link set eth0 up", "route add default via \(gateway(.ipv4))",
        ])
        try namespace.ip(["route add default via \(gateway(.ipv6))"], inet6: true)
    }

    private func configureOutside() throws {
        let answerForAll = ["rule add iif po0 priority 10 lookup 100", "route add local default dev lo table 100"]
        try outside.sysctl([
            "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.tcp_fastopen": "3",
            "net.ipv6.conf.po0.accept_dad": "0",
        ])
        try outside.ip([
            "link set lo up", "addr add \(gateway(.ipv4))/24 dev po0",
            "addr add \(gateway(.ipv6))/64 dev po0 nodad", "link set po0 up",
        ])
        try outside.ip(answerForAll)
        try outside.ip(answerForAll, inet6: true)
    }

    /// The kernel adds link-local addresses, and the routes of all IPv6 addresses, some time after both ends are up; with
    /// duplicate address detection (RFC 4862, 5.4) it would be one to two seconds later still, in the middle of a test.
    private func awaitLocalRoutes() throws {
        for (end, interface, own) in [(namespace, "eth0", address(.ipv6)), (outside, "po0", gateway(.ipv6))] {
            let show = ["ip", "-n", end.name, "-6", "route", "show", "table", "local", "dev", interface]
            let ready = try Eventually.value {
                let routes = try Command.run(show)
                return ["local fe80::", "local \(own) ", "multicast ff00::/8"].allSatisfy(routes.contains) ? true : nil
            }
            if ready == nil { throw TestError("the IPv6 routes of \(interface) do not come") }
        }
    }
}
