import Foundation
import TestSupport
import Testing
import WeirCore

@testable import WeirBPF

/// What `RouteReader` says of a destination is what connect() then does, in a namespace that makes it hard: several
/// addresses, routes of several lengths, and IPv6 addresses that only labels and prefixes tell apart.
@Suite(.serialized, .enabled(if: geteuid() == 0, "namespaces are root's to make"))
struct RouteTests {
    private static let links = [
        "link add eth0 type veth peer name peer0", "link add eth1 type veth peer name peer1", "link set lo up",
        "link set eth0 up", "link set peer0 up", "link set eth1 up", "link set peer1 up",
        "addr add 10.1.0.2/16 dev eth0", "addr add 10.1.0.3/16 dev eth0", "addr add 10.2.0.2/24 dev eth1",
        "addr add 192.0.2.7/32 dev lo", "route add default via 10.1.0.1",
        "route add 198.51.100.0/24 via 10.2.0.1", "route add 198.51.100.128/25 via 10.1.0.1 src 10.1.0.3",
        "route add 203.0.113.0/24 via 10.2.0.1 src 192.0.2.7", "route add unreachable 100.64.0.0/10",
        "addr add 2001:db8:1::2/64 dev eth0 nodad", "addr add 2001:db8:1:0:8000::2/64 dev eth0 nodad",
        "addr add fd00:1::2/64 dev eth0 nodad", "addr add 2002:c000:207::1/64 dev eth0 nodad",
        "addr add 2001:0:1::2/64 dev eth1 nodad", "addr add 2001:db8:2::2/64 dev eth1 nodad",
        "addr add 2001:db8:3::9/64 dev eth1 nodad preferred_lft 0",
        "-6 route add default via fe80::1 dev eth0", "-6 route add 2001:db8:8000::/33 via fe80::1 dev eth1",
        "-6 route add 2001:db8:c000::/34 via fe80::1 dev eth1 src fd00:1::2",
    ]

    private static let destinations = [
        "10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.9.9", "10.2.0.1", "10.2.0.2", "10.2.0.200", "10.3.0.1", "127.0.0.1",
        "127.1.2.3", "192.0.2.7", "192.0.2.8", "198.51.100.1", "198.51.100.127", "198.51.100.128", "198.51.100.200",
        "203.0.113.1", "8.8.8.8", "100.64.0.1", "::1", "2001:db8:1::1", "2001:db8:1::2", "2001:db8:1:0:8000::1",
        "2001:db8:1:0:ffff::1", "2001:db8:2::1", "2001:db8:2::2", "2001:db8:3::1", "2001:db8:8000::1",
        "2001:db8:bfff::1", "2001:db8:c000::1", "2001:db8:ffff::1", "fd00:1::1", "fd00:2::1", "fdff::1", "2002:1::1",
        "2002:c000:207::2", "2001:0:2::1", "2001:4860:4860::8888", "2600::1", "3ffe::1", "fec0::1",
    ]

    @Test func sourcesAreThoseOfConnect() throws {
        let name = "weir-test-\(getpid())-routes"
        defer { Self.run("ip", ["netns", "delete", name]) }
        #expect(Self.run("ip", ["netns", "add", name]) == 0)
        try Self.setUp(name)
        let namespace = try NetworkNamespace(path: "/run/netns/\(name)")
        let routes = try namespace.enter { () throws(BPFError) in try RouteReader().read().routes }
        let sources = try namespace.enter { () throws(BPFError) in Self.destinations.map(Self.source) }
        for (text, source) in zip(Self.destinations, sources) {
            let destination = try Address(parsing: text)
            let match = try #require(
                routes.filter { $0.key.contains(destination) }.max { $0.key.length < $1.key.length })
            print(
                "observed: \(text) by \(match.key): \(match.value.source.map { "\($0)" } ?? "-"), "
                    + "connect() from \(source.map { "\($0)" } ?? "-")")
            #expect(match.value.source == source, "\(text), by \(match.key)")
        }
    }

    @Test func ownAddressesAreLocal() throws {
        let name = "weir-test-\(getpid())-local"
        defer { Self.run("ip", ["netns", "delete", name]) }
        #expect(Self.run("ip", ["netns", "add", name]) == 0)
        try Self.setUp(name)
        let namespace = try NetworkNamespace(path: "/run/netns/\(name)")
        let routes = try namespace.enter { () throws(BPFError) in try RouteReader().read().routes }
        let own = [
            "10.1.0.2", "10.1.0.3", "10.2.0.2", "192.0.2.7", "127.0.0.1", "127.9.9.9", "::1", "2001:db8:1::2",
            "fd00:1::2", "2001:db8:3::9",
        ]
        for text in Self.destinations + own {
            let destination = try Address(parsing: text)
            let match = try #require(
                routes.filter { $0.key.contains(destination) }.max { $0.key.length < $1.key.length })
            let isOwn = own.contains(text) || ["127.1.2.3", "2001:db8:2::2"].contains(text)
            #expect(match.value.isLocal == isOwn, "\(text), by \(match.key)")
        }
    }

    /// What the kernel has of a namespace follows its routes, also those that go.
    @Test func theTableFollows() throws {
        let name = "weir-test-\(getpid())-follow"
        defer { Self.run("ip", ["netns", "delete", name]) }
        #expect(Self.run("ip", ["netns", "add", name]) == 0)
        try Self.setUp(name)
        let namespace = try NetworkNamespace(path: "/run/netns/\(name)")
        let maps = try Interceptor.loadPrivately().maps
        let table = RouteTable(namespace, maps)
        try table.synchronize(namespace)
        let prefixes = ["203.0.113.0/24", "10.2.0.2/32"].compactMap { try? CIDR(parsing: $0) }
        let before = Set(try RouteTable.written(maps)[namespace.cookie] ?? [])
        #expect(before.isSuperset(of: prefixes))
        Self.run("ip", ["-n", name, "route", "delete", "203.0.113.0/24"])
        Self.run("ip", ["-n", name, "addr", "delete", "10.2.0.2/24", "dev", "eth1"])
        try table.synchronize(namespace)
        let after = Set(try RouteTable.written(maps)[namespace.cookie] ?? [])
        #expect(after.isDisjoint(with: prefixes) && after == Set(table.prefixes))
        try table.clear()
        #expect(try RouteTable.written(maps)[namespace.cookie] == nil)
    }

    /// Of more routes than its share a namespace's own addresses and the widest routes are known, and that is said.
    @Test func moreThanItsShareIsCut() throws {
        let name = "weir-test-\(getpid())-cut"
        defer { Self.run("ip", ["netns", "delete", name]) }
        #expect(Self.run("ip", ["netns", "add", name]) == 0)
        try Self.setUp(name)
        let namespace = try NetworkNamespace(path: "/run/netns/\(name)")
        let all = try namespace.enter { () throws(BPFError) in try RouteReader().read() }
        let most = 24
        let cut = try namespace.enter { () throws(BPFError) in try RouteReader().read(most: most) }
        #expect(!all.isCut && cut.isCut)
        #expect(cut.routes.count <= most)
        #expect(try cut.routes[CIDR(parsing: "0.0.0.0/0")] != nil)
    }

    /// What a process left that died between a namespace's routes and its entry.
    @Test func entriesOfNobodyGo() throws {
        let names = ["weir-test-\(getpid())-nobody", "weir-test-\(getpid())-somebody"]
        defer { for name in names { Self.run("ip", ["netns", "delete", name]) } }
        let maps = try Interceptor.loadPrivately().maps
        var cookies: [UInt64] = []
        for name in names {
            #expect(Self.run("ip", ["netns", "add", name]) == 0)
            let namespace = try NetworkNamespace(path: "/run/netns/\(name)")
            cookies.append(namespace.cookie)
            try RouteTable(namespace, maps).synchronize(namespace)
        }
        #expect(try Set(RouteTable.written(maps).keys) == Set(cookies))
        #expect(try RouteTable.reap(keeping: [cookies[1]], maps) == 1)
        #expect(try Set(RouteTable.written(maps).keys) == [cookies[1]])
    }

    /// What getsockname() says after connect() of a datagram socket, which chooses as TCP does and sends nothing.
    private static func source(of text: String) -> Address? {
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if inet_pton(AF_INET, text, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = UInt16(80).bigEndian
            guard let bytes = connected(&four, AF_INET) else { return nil }
            return Address(ipv4: bytes[4..<8].reduce(0) { $0 << 8 | UInt32($1) })
        }
        guard inet_pton(AF_INET6, text, &six.sin6_addr) == 1 else { return nil }
        six.sin6_family = sa_family_t(AF_INET6)
        six.sin6_port = UInt16(80).bigEndian
        guard let bytes = connected(&six, AF_INET6) else { return nil }
        return bytes[8..<24].withUnsafeBytes { Address(bytes: $0) }
    }

    private static func connected<Name>(_ name: inout Name, _ family: Int32) -> [UInt8]? {
        let raw = socket(family, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(raw) }
        return withUnsafeMutableBytes(of: &name) { bytes in
            var size = socklen_t(bytes.count)
            guard let address = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                connect(raw, address, size) == 0, getsockname(raw, address, &size) == 0
            else { return nil }
            return Array(bytes)
        }
    }

    /// The kernel adds an IPv6 address's own route some time after the address.
    private static func setUp(_ name: String) throws {
        for line in links {
            #expect(run("ip", ["-n", name] + line.split(separator: " ").map(String.init)) == 0, "ip \(line)")
        }
        let wanted = links.count { $0.hasSuffix(" nodad") || $0.contains(" nodad ") }
        let own = ["ip", "-n", name, "-6", "route", "show", "table", "local", "type", "local", "proto", "kernel"]
        let ready = try Eventually.value {
            let routes = try Command.run(own).split(separator: "\n")
            return routes.count { $0.hasPrefix("local 2") || $0.hasPrefix("local fd") } == wanted ? true : nil
        }
        #expect(ready == true)
    }

    @discardableResult
    private static func run(_ name: String, _ arguments: [String]) -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [name] + arguments
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return -1 }
        process.waitUntilExit()
        return process.terminationStatus
    }
}
