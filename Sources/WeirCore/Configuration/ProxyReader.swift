/// Reads a workload's `proxy`: a proxy that is described by numbers.
struct ProxyReader {
    private(set) var policy = PolicySpecification(dialect: .custom)
    private(set) var cgroup: String?
    private(set) var reads = ReadHabit.unknown

    /// - Parameter isNamespace: whether the workload is a network namespace, in which the proxy runs too.
    /// - Returns: nil when something is wrong, which is noted.
    init?(_ value: YAMLValue, isNamespace: Bool) {
        let before = value.problems.problems.count
        guard var map = YAMLMapping(value, "the proxy's ports and identity") else { return nil }
        if let value = map.take("outbound") { readOutbound(value) }
        readPorts(&map)
        readIdentity(&map)
        if let word = map.take("reads")?.word(of: ReadHabit.self) { reads = word }
        map.finish()
        if policy.outboundPort == nil && policy.inboundPort == nil && value.problems.problems.count == before {
            value.complain("has no port; add outbound: PORT, inbound: PORT or both")
        }
        let isKnown = policy.satisfies(.proxyKnown)
        if isNamespace && !isKnown && policy.proxyAddress4 == .loopback4 && value.problems.problems.count == before {
            value.complain("cannot be told from its workload, whose namespace it shares; add its uid, gid or cgroup")
        }
        guard value.problems.problems.count == before else { return nil }
        policy.inboundEnabled = policy.inboundPort != nil
    }

    private mutating func readOutbound(_ value: YAMLValue) {
        policy.origins[.outboundPort] = "proxy.outbound"
        guard let (port, address) = Self.target(value) else { return }
        policy.outboundPort = port
        if let address { policy.proxyAddress4 = address }
    }

    /// A port, or an address and a port. A loopback address of either family means both, and is nil.
    private static func target(_ value: YAMLValue) -> (UInt16, Address?)? {
        guard value.text?.contains(":") == true else { return value.port().map { ($0, nil) } }
        guard let endpoint = value.parsed("a port, or an address and a port", Endpoint.init(parsing:)) else {
            return nil
        }
        if endpoint.address.isLoopback { return (endpoint.port, nil) }
        guard endpoint.address.isIPv4, !endpoint.address.isUnspecified else {
            value.complain(
                "should be at a loopback or an IPv4 address, which IPv4 traffic can reach, not \(endpoint.address)")
            return nil
        }
        return (endpoint.port, endpoint.address)
    }

    private mutating func readPorts(_ map: inout YAMLMapping) {
        if let value = map.take("inbound") {
            policy.inboundPort = value.port()
            policy.origins[.inboundPort] = "proxy.inbound"
        }
        if let value = map.take("dns"), let (port, address) = Self.target(value) {
            policy.dnsPort = port
            policy.dnsAddress4 = address
            policy.origins[.dnsPort] = "proxy.dns"
        }
        if let value = map.take("tunnel") {
            policy.tunnelPort = value.port()
            policy.origins[.tunnelPort] = "proxy.tunnel"
        }
    }

    private mutating func readIdentity(_ map: inout YAMLMapping) {
        policy.proxyUIDs = Self.ids(&map, one: "uid", several: "uids")
        policy.proxyGIDs = Self.ids(&map, one: "gid", several: "gids")
        policy.origins[.proxyUIDs] = "proxy.uid"
        policy.origins[.proxyGIDs] = "proxy.gid"
        if let path = map.take("cgroup")?.absolutePath() {
            cgroup = path
            policy.proxyCgroup = true
            policy.origins[.proxyCgroup] = "proxy.cgroup"
        }
    }

    private static func ids(_ map: inout YAMLMapping, one: String, several: String) -> [UInt32] {
        let single = map.take(one)
        let list = map.take(several)
        if single != nil, let list {
            list.complain("stands beside \(one); write one of the two")
        }
        return (single?.id("a \(one)").map { [$0] } ?? []) + (list?.list("numbers") { $0.id("a \(one)") } ?? [])
    }
}
