import CWeirABI
import Foundation
import Glibc
import TestSupport
import Testing
import WeirCore

@testable import WeirBPF

/// Destinations without a route: what is read of them is what connect() says, and the programs say it, too.
@Suite(.serialized, .enabled(if: geteuid() == 0, "namespaces are root's to make"))
struct UnroutableTests {
    private static let routes = [
        "link set lo up", "link add eth0 type veth peer name peer0", "link set eth0 up", "link set peer0 up",
        "addr add 10.1.0.2/16 dev eth0 brd +",
        "addr add fd00:1::2/64 dev eth0 nodad", "route add default via 10.1.0.1", "route add unreachable 100.64.0.0/10",
        "route add prohibit 100.65.0.0/16", "route add blackhole 100.66.0.0/16", "route add throw 100.67.0.0/16",
        "-6 route add unreachable 2001:db8:1::/48", "-6 route add prohibit 2001:db8:2::/48",
        "-6 route add blackhole 2001:db8:3::/48", "-6 route add 2001:db8:4::/48 via fd00:1::1",
    ]

    private static let errors: [String: Int32] = [
        "100.64.0.1": EHOSTUNREACH, "100.65.0.1": EACCES, "100.66.0.1": EINVAL, "100.67.0.1": ENETUNREACH,
        "8.8.8.8": 0, "10.1.0.1": 0, "2001:db8::1": ENETUNREACH, "2001:db8:1::1": EHOSTUNREACH,
        "2001:db8:2::1": EACCES, "2001:db8:3::1": EINVAL, "2001:db8:4::1": 0, "fd00:1::1": 0,
    ]

    @Test func errorsAreThoseOfConnect() throws {
        let namespace = try Self.namespace()
        defer { Self.remove() }
        let routes = try namespace.enter { () throws(BPFError) in try RouteReader().read().routes }
        for (text, error) in Self.errors {
            let match = try #require(try Self.match(text, routes))
            #expect(match.error == error, "\(text)")
            #expect((match.generation != 0) == (error != 0 || match.refusesLoopback), "\(text)")
            let said = try namespace.enter { () throws(BPFError) in Self.connect(to: text, SOCK_DGRAM) }
            #expect(said == error, "\(text)")
        }
        let broadcast = try #require(try Self.match("10.1.255.255", routes))
        #expect(broadcast.isBroadcast && broadcast.error == 0)
    }

    /// Nothing is said to fail where more than the destination decides, or when not all routes are known.
    @Test(arguments: [
        "rule add from 10.1.0.2 lookup 100", "-6 rule add fwmark 7 lookup 100", "rule add to 192.0.2.0/24 lookup 100",
        "route add 100.64.0.0/16 tos 0x10 via 10.1.0.1", "-6 route add default from fd00:1::/64 via fd00:1::1",
    ])
    func nothingIsSaidThen(_ command: String) throws {
        let namespace = try Self.namespace()
        defer { Self.remove() }
        try Command.run(["ip", "-n", Self.name] + command.split(separator: " ").map(String.init))
        let reading = try namespace.enter { () throws(BPFError) in try RouteReader().read() }
        #expect(reading.routes.values.allSatisfy { $0.error == 0 && !$0.isBroadcast && !$0.refusesLoopback })
        let isByDestination = !command.contains("rule add from") && !command.contains("fwmark")
        #expect(reading.isByDestination == isByDestination)
    }

    /// Rules that concern no socket of the namespace, or only such as are bound to an interface.
    @Test(arguments: [
        "rule add iif eth0 lookup 100", "rule add oif eth0 lookup 100", "-6 rule add iif eth0 lookup 100",
    ])
    func rulesForOthers(_ command: String) throws {
        let namespace = try Self.namespace()
        defer { Self.remove() }
        try Command.run(["ip", "-n", Self.name] + command.split(separator: " ").map(String.init))
        let before = try namespace.routesByDestination()
        #expect(before)
        try TransparentRouting.install(mark: 1337, in: namespace)
        let after = try namespace.routesByDestination()
        #expect(after, "the rule of TPROXY mode is for the proxy alone")
    }

    /// The generation of a family is the same until its routing changes, in any of these ways.
    @Test(arguments: [
        "route del unreachable 100.64.0.0/10", "route add 192.0.2.0/24 via 10.1.0.1", "addr add 10.2.0.2/16 dev eth0",
        "rule add from 10.1.0.2 lookup 100", "link set eth0 down", "-6 route del unreachable 2001:db8:1::/48",
        "-6 route add 2001:db8:5::/48 via fd00:1::1", "addr add fd00:2::2/64 dev eth0 nodad",
        "-6 rule add from fd00:1::2 lookup 100",
    ])
    func generations(_ command: String) throws {
        let namespace = try Self.namespace()
        defer { Self.remove() }
        let isIPv6 = command.contains("-6") || command.contains("fd00")
        // Of IPv4 routes that go, the kernel counts those that somebody has looked up.
        _ = try namespace.enter { () throws(BPFError) in try RouteReader().read() }
        let before = try Self.generation(namespace, isIPv6)
        let same = try Self.generation(namespace, isIPv6)
        #expect(before != 0 && before == same)
        try Command.run(["ip", "-n", Self.name] + command.split(separator: " ").map(String.init))
        let after = try Self.generation(namespace, isIPv6)
        #expect(after != before)
    }

    private static func generation(_ namespace: borrowing NetworkNamespace, _ isIPv6: Bool) throws -> UInt32 {
        let all = try namespace.enter { () throws(BPFError) in RoutingGenerations.current() }
        return isIPv6 ? all.ipv6 : all.ipv4
    }

    /// No proxy listens: what has a route is refused by the kernel, what has none fails as without programs.
    @Test func theProgramsSayIt() throws {
        let lock = MachineLock(.shared)
        defer { withExtendedLifetime(lock) {} }
        let namespace = try Self.namespace()
        defer { Self.remove() }
        let interceptor = try Interceptor.loadPrivately()
        try RouteTable(namespace, interceptor.maps).synchronize(namespace)
        var specification = try Profile.istio.specification()
        specification.dns = .all
        try WorkloadTable(interceptor).register(
            .netns(namespace.cookie), name: "unroutable", policy: try PolicyCompiler.compile(specification),
            whenProxyDown: WEIR_DOWN_REFUSE)
        // Before Linux 6.2 programs cannot look into UDP sockets.
        let running = KernelVersion(release: KernelVersion.running)
        let knowsUDP = running.map { $0 >= KernelVersion(major: 6, minor: 2) } ?? true
        for (text, error) in Self.errors {
            let tcp = try namespace.enter { () throws(BPFError) in Self.connect(to: text, SOCK_STREAM) }
            #expect(tcp == (error == 0 ? ECONNREFUSED : error), "\(text)")
            let udp = try namespace.enter { () throws(BPFError) in Self.connect(to: text, SOCK_DGRAM) }
            #expect(udp == (knowsUDP ? error : 0), "\(text)")
        }
    }

    private static func match(_ text: String, _ routes: [CIDR: Route]) throws -> Route? {
        let destination = try Address(parsing: text)
        return routes.filter { $0.key.contains(destination) }.max { $0.key.length < $1.key.length }?.value
    }

    /// To port 53, in the calling thread's namespace.
    /// - Returns: an errno; 0: connected.
    private static func connect(to text: String, _ type: __socket_type) -> Int32 {
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if inet_pton(AF_INET, text, &four.sin_addr) == 1 {
            (four.sin_family, four.sin_port) = (sa_family_t(AF_INET), UInt16(53).bigEndian)
            return connect(&four, AF_INET, type)
        }
        inet_pton(AF_INET6, text, &six.sin6_addr)
        (six.sin6_family, six.sin6_port) = (sa_family_t(AF_INET6), UInt16(53).bigEndian)
        return connect(&six, AF_INET6, type)
    }

    private static func connect<Name>(_ name: inout Name, _ family: Int32, _ type: __socket_type) -> Int32 {
        let raw = socket(family, Int32(type.rawValue), 0)
        defer { close(raw) }
        return withUnsafeBytes(of: &name) { bytes in
            guard let address = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return EFAULT }
            return Glibc.connect(raw, address, socklen_t(bytes.count)) == 0 ? 0 : errno
        }
    }

    private static let name = "weir-test-\(getpid())-unroutable"

    private static func namespace() throws -> NetworkNamespace {
        try Command.run(["ip", "netns", "add", name])
        for line in routes { try Command.run(["ip", "-n", name] + line.split(separator: " ").map(String.init)) }
        return try NetworkNamespace(path: "/run/netns/\(name)")
    }

    private static func remove() { _ = try? Command.run(["ip", "netns", "delete", name]) }
}
