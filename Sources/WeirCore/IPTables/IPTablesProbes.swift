/// Attempts that are likely to show where two descriptions of one policy part: at the edges of every list that either
/// has, from everybody that either names, to the namespace itself and away from it.
struct IPTablesProbes {
    private(set) var attempts: [Attempt] = []
    /// Of what not all was tried, a phrase each: "64 of 412 addresses".
    private(set) var cuts: [String] = []

    private let own: [Address]
    private var owners: [(uid: UInt32, gid: UInt32)] = []

    /// At most so many of each are taken.
    private static let limit = (addresses: 64, ports: 128, owners: 6)

    /// - Parameter own: the addresses of the namespace.
    init(_ policy: CompiledPolicy, _ rules: IPTables, own: [Address]) {
        self.own = own.filter { $0.isIPv4 != rules.isIPv6 && !$0.isLoopback }
        let loopback: [Address] =
            rules.isIPv6 ? [.loopback6, Address(high: 0, low: 6)] : [.loopback4, Address(ipv4: 0x7f00_0006)]
        // Of documentation's ranges: RFC 3849 and RFC 5737.
        let away =
            rules.isIPv6 ? Address(high: 0x2001_0db8_cafe_0000, low: 7) : Address(ipv4: 0xc633_6407)
        let places = loopback + [away] + self.own.prefix(2)
        let addresses = take(Self.limit.addresses, of: Self.addresses(policy, rules), "addresses")
        let ports = take(Self.limit.ports, of: Self.ports(policy, rules), "ports")
        owners = [Self.nobody] + take(Self.limit.owners, of: Self.owners(policy, rules), "uids and gids")
        for port in ports { for place in places { addOutbound(place, port, away) } }
        // As proxies hand inbound connections to their application.
        for place in places { addOutbound(place, 80, away, from: loopback[1]) }
        for address in addresses { for port in [53, 80, 64_999] as [UInt16] { addOutbound(address, port, away) } }
        for port in ports { addInbound(port, from: away) }
        for address in addresses { for port in [80, 64_999] as [UInt16] { addInbound(port, from: address) } }
    }

    private mutating func take<Element>(_ limit: Int, of all: [Element], _ what: String) -> ArraySlice<Element> {
        if all.count > limit { cuts.append("\(limit) of \(all.count) \(what)") }
        return all.prefix(limit)
    }

    private mutating func addOutbound(
        _ destination: Address, _ port: UInt16, _ away: Address, from bound: Address? = nil
    ) {
        let isLocal = own.contains(destination) || destination.isLoopback
        // What the kernel would choose (ip(7), RFC 6724 rule 1).
        let source: Address? =
            bound ?? (destination.isLoopback && destination.isIPv4 ? .loopback4 : isLocal ? destination : own.first)
        for transport in Transport.allCases {
            for owner in owners {
                attempts.append(
                    Attempt(
                        .outbound, transport, from: source, to: destination, port: port, isLocal: isLocal,
                        uid: owner.uid, gid: owner.gid, interface: isLocal ? "lo" : "eth0"))
            }
        }
    }

    private mutating func addInbound(_ port: UInt16, from source: Address) {
        guard let destination = own.first, !source.isLoopback else { return }
        for transport in Transport.allCases {
            attempts.append(
                Attempt(
                    .inbound, transport, from: source, to: destination, port: port, isLocal: true, interface: "eth0"))
        }
    }

    private static func ports(_ policy: CompiledPolicy, _ rules: IPTables) -> [UInt16] {
        let lists = [policy.excludedPorts, policy.includedPorts, policy.inboundPorts].flatMap(\.ranges)
        let edges = (lists + rules.portRanges + policy.userPorts.flatMap(\.ports)).flatMap { range in
            [range.first, range.last, range.first &- 1, range.last &+ 1]
        }
        let ports = [policy.outboundPort, policy.inboundPort, policy.dnsPort, policy.tunnelPort].compactMap(\.self)
        return unique([80, 443, 53] + ports + edges).filter { $0 != 0 }
    }

    private static func addresses(_ policy: CompiledPolicy, _ rules: IPTables) -> [Address] {
        let ranges = (rules.ranges + policy.prefixes.map(\.range)).filter {
            $0.isIPv4 != rules.isIPv6 && $0.length > 96
        }
        let edges = ranges.flatMap { [$0.address, $0.last, $0.next] }
        return unique(edges.filter { $0.isIPv4 != rules.isIPv6 && !$0.isUnspecified })
    }

    private static let nobody: (uid: UInt32, gid: UInt32) = (65534, 65534)

    private static func owners(_ policy: CompiledPolicy, _ rules: IPTables) -> [(uid: UInt32, gid: UInt32)] {
        let uids = policy.owners.filter { $0.kind == .uid }.map(\.id) + rules.users
        let gids = policy.owners.filter { $0.kind == .gid }.map(\.id) + rules.groups
        return unique(uids).map { (uid: $0, gid: nobody.gid) } + unique(gids).map { (uid: nobody.uid, gid: $0) }
    }

    private static func unique<Element: Hashable>(_ elements: [Element]) -> [Element] {
        var seen: Set<Element> = []
        return elements.filter { seen.insert($0).inserted }
    }
}

extension IPTables {
    fileprivate var conditions: [IPTablesMatch.Condition] { rules.flatMap { $0.matches.map(\.condition) } }

    fileprivate var portRanges: [PortRange] {
        conditions.flatMap { condition -> [PortRange] in
            if case .ports(let ranges) = condition { ranges } else { [] }
        }
    }

    fileprivate var ranges: [CIDR] {
        conditions.compactMap { condition in
            switch condition {
            case .source(let range), .destination(let range): range
            default: nil
            }
        }
    }

    fileprivate var users: [UInt32] {
        conditions.compactMap { if case .user(let ids) = $0 { ids.lowerBound } else { nil } }
    }

    fileprivate var groups: [UInt32] {
        conditions.compactMap { if case .group(let ids) = $0 { ids.lowerBound } else { nil } }
    }
}

extension CIDR {
    /// The range's last address.
    fileprivate var last: Address {
        let bits = 128 - length
        let high: UInt64 = bits > 64 ? (bits == 128 ? .max : (1 << (bits - 64)) - 1) : 0
        let low: UInt64 = bits >= 64 ? .max : (1 << bits) - 1
        return Address(high: address.high | high, low: address.low | low)
    }

    /// The one behind it.
    fileprivate var next: Address {
        let (low, overflow) = last.low.addingReportingOverflow(1)
        return Address(high: last.high &+ (overflow ? 1 : 0), low: low)
    }
}
