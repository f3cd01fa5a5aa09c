import WeirCore

/// Specifications and attempts from small worlds of addresses, ports and identities, so that they meet often.
struct RandomPolicy {
    private var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    private static let addresses = [
        "127.0.0.1", "127.0.0.6", "127.0.0.53", "0.0.0.0", "10.244.1.10", "10.244.2.20", "10.96.0.10", "9.9.9.9",
        "203.0.113.7", "::", "::1", "::6", "fd00:10:244::10", "fd00:10:96::a", "2001:4860::8888", "fe80::10",
    ].compactMap { Address($0) }

    private static let ranges = [
        "0.0.0.0/0", "::/0", "10.0.0.0/8", "10.96.0.0/12", "10.244.0.0/16", "10.244.1.10", "203.0.113.7", "127.0.0.0/8",
        "127.0.0.6", "::1", "::/90", "fd00::/8", "fd00:10:96::/48", "2001::/16", "128.0.0.0/1", "0.0.0.0/8", "9.9.9.9",
    ].compactMap { try? CIDR(parsing: $0) }

    private static let ports: [UInt16] = [1, 22, 53, 80, 443, 8080, 15001, 15006, 15008, 15020, 15021, 15053, 65535]
    private static let ids: [UInt32] = [0, 1, 888, 1000, 1337, 1338, 2001, 2102, 5678]
    static let interfaces = ["lo", "eth0", "eth1", "net1", "br0", "br1", "docker0"]

    private mutating func portRanges() -> [PortRange] {
        random.some(Self.ports, upTo: 3).map { port in
            random.chance(70) ? PortRange(port) : PortRange(port, UInt16(min(65535, Int(port) + 100)))
        }
    }

    mutating func specification() -> PolicySpecification {
        let dialect = random.pick(Dialect.all)
        var result = PolicySpecification(dialect: dialect)
        result.outboundPort = 15001
        result.inboundPort = 15006
        result.dnsPort = 15053
        result.tunnelPort = random.chance(70) ? 15008 : nil
        result.proxyUIDs = random.some(Self.ids, upTo: 3)
        result.proxyGIDs = random.some(Self.ids, upTo: 3)
        result.proxyCgroup = random.chance(20)
        result.ipv6 = random.chance(80)
        if random.chance(5) { result.proxyAddress4 = .any6 }
        if random.chance(5) { result.proxyAddress6 = .any6 }
        if random.chance(5) { result.dnsAddress4 = .any6 }
        if random.chance(5) { result.dnsAddress6 = .any6 }
        if dialect == .istio && random.chance(30) {
            result.interceptionMode = .tproxy
            result.mark = 1337
        }
        if dialect == .custom && random.chance(30) {
            result.inboundPort = nil
            result.inboundEnabled = false
        }
        if dialect == .istio || dialect == .kuma || dialect == .custom {
            result.outboundEnabled = random.chance(90)
            result.inboundEnabled = result.inboundEnabled && random.chance(90)
        }
        fillLists(&result)
        return result
    }

    private mutating func fillLists(_ result: inout PolicySpecification) {
        result.outboundExcludePorts = random.chance(50) ? portRanges() : []
        result.outboundExcludeRanges = random.some(Self.ranges, upTo: 2)
        result.inboundExcludePorts = portRanges()
        result.inboundExcludeSources = random.some(Self.ranges, upTo: 2)
        // OSM and Linkerd do not know the lists that are left out for them.
        let name = result.dialect.name
        if name != "osm" && random.chance(40) { result.inboundIncludePorts = .listed(portRanges()) }
        if ["istio", "kuma", "custom"].contains(name) && random.chance(40) {
            result.outboundIncludePorts = portRanges()
        }
        if ["istio", "osm", "custom"].contains(name) && random.chance(60) {
            result.outboundIncludeRanges = .listed(random.some(Self.ranges, upTo: 4))
        }
        if name == "kuma" { result.outboundExcludePortsForUIDs = userPorts() }
        if name == "istio" && random.chance(30) {
            result.ownerGroupsExclude = random.some(Self.ids, upTo: 2)
            if random.chance(50) { result.ownerGroupsInclude = .listed(random.some(Self.ids, upTo: 3)) }
            if random.chance(50), let range = try? CIDR(masking: "127.0.0.1/8") { result.loopbackRange = range }
        }
        if ["istio", "kuma", "custom"].contains(name) {
            let servers = random.some(Self.addresses, upTo: 2).filter { !$0.isUnspecified }
            result.dns = random.pick([.off, .all, .all, .servers(servers)])
        }
        fillInterfaces(&result)
    }

    private mutating func fillInterfaces(_ result: inout PolicySpecification) {
        let name = result.dialect.name
        if name == "istio" || name == "custom" { result.excludeInterfaces = random.some(["eth1", "br+"], upTo: 1) }
        if name == "istio" {
            result.virtualInterfaces = random.some(["eth0", "net1"], upTo: 2).map { VirtualInterface(name: $0) }
        }
        if name == "kuma" {
            result.virtualInterfaces = random.some(["net1", "br+", "docker0"], upTo: 2).map { interface in
                VirtualInterface(name: interface, network: random.pick(Self.ranges))
            }
        }
    }

    private mutating func userPorts() -> [UserPorts] {
        (0..<Int.random(in: 0...2, using: &random)).map { _ in
            let uid = random.pick(Self.ids)
            return UserPorts(
                transports: random.pick([[.tcp], [.udp], [.tcp, .udp]]), ports: portRanges(),
                users: uid...(random.chance(50) ? uid : uid + 500))
        }
    }

    mutating func attempt() -> Attempt {
        let direction = random.pick(Direction.allCases)
        // No packet arrives for 0.0.0.0 or ::, which only connect() knows.
        let destination = random.pick(Self.addresses.filter { direction == .outbound || !$0.isUnspecified })
        let own = ["10.244.1.10", "::6", "fd00:10:244::10", "fe80::10"].compactMap { Address($0) }
        return Attempt(
            direction, random.pick([.tcp, .tcp, .udp]),
            from: random.chance(60) ? random.pick(Self.addresses.filter { !$0.isUnspecified }) : nil, to: destination,
            port: random.chance(25) ? 53 : random.pick(Self.ports + [UInt16.random(in: 0...65535, using: &random)]),
            isLocal: own.contains(destination), uid: random.pick(Self.ids), gid: random.pick(Self.ids),
            isByProxyCgroup: random.chance(10), mark: random.pick([0, 0, 1337, 7]),
            interface: random.chance(70) ? random.pick(Self.interfaces) : nil)
    }
}
