internal import CWeirABI
import WeirCore

/// How each fact of `enum weir_fact` is asked of the packets of one direction, transport and family.
struct FactMatches {
    let direction: Direction
    let transport: Transport
    let family: Family
    /// The port of every packet that is asked, when that is known: UDP is only looked at where it may be DNS.
    let port: UInt16?
    private let policy: CompiledPolicy
    private let proxyCgroup: Cgroup?
    private let addresses: AddressSets
    private let destinations: AddressSets
    private let interfaces: InterfaceMatches

    /// - Throws: a sentence that names what cannot be written in a script.
    init(
        _ policy: CompiledPolicy, _ direction: Direction, _ transport: Transport, _ family: Family, port: UInt16?,
        proxyCgroup: Cgroup?
    ) throws(InvalidValue) {
        self.policy = policy
        self.direction = direction
        self.transport = transport
        self.family = family
        self.port = port
        self.proxyCgroup = proxyCgroup
        destinations = AddressSets(policy.prefixes, .outbound, family)
        addresses = direction == .outbound ? destinations : AddressSets(policy.prefixes, .inbound, family)
        interfaces = try InterfaceMatches(policy.interfaces, direction, family)
    }

    /// - Throws: a sentence, when the proxy's cgroup is asked for and not known.
    func match(_ fact: Facts) throws(InvalidValue) -> Match {
        switch fact {
        case .udp: .known(transport == .udp)
        case .ipv6: .known(family == .ipv6)
        case .portExcluded: ports(policy.excludedPorts)
        case .portIncluded: ports(policy.includedPorts)
        case .portInbound: ports(policy.inboundPorts)
        case .portDNS: ports(PortSet([PortRange(53)]))
        case .portTunnel: ports(PortSet(policy.tunnelPort.map { [PortRange($0)] } ?? []))
        case .interfaceExcluded, .interfaceVirtual: interfaces.match(fact)
        case .rangeIncluded where direction == .inbound:
            interfaces.included(destinations.match(.rangeIncluded, "daddr"))
        case .loopbackRange, .rangeExcluded, .rangeIncluded, .dnsServer, .sourceListed:
            addresses.match(fact, direction == .outbound ? "daddr" : "saddr")
        default: direction == .outbound ? try ofSocket(fact) : .never
        }
    }

    /// Facts that only connections made by the workload have.
    private func ofSocket(_ fact: Facts) throws(InvalidValue) -> Match {
        switch fact {
        // Routing has been done: what is for the namespace itself leaves by lo, as the peers' rules have it too.
        case .local: .one("oif \"lo\"", not: "oif != \"lo\"")
        case .passthroughSource:
            family == .ipv4
                ? .one("ip saddr 127.0.0.6", not: "ip saddr != 127.0.0.6")
                : .one("ip6 saddr ::6", not: "ip6 saddr != ::6")
        case .mark:
            policy.mark == 0 ? .never : .one("meta mark \(policy.mark)", not: "meta mark != \(policy.mark)")
        case .uidPort: userPorts
        case .proxyCgroup:
            if let cgroup = proxyCgroup {
                .any([cgroup.match])
            } else {
                throw InvalidValue("the proxy is known by its cgroup, but the ruleset is not told which; give its path")
            }
        default: owners(fact)
        }
    }

    private func ports(_ set: PortSet) -> Match {
        if let port { return .known(set.contains(port)) }
        let ranges = set.ranges
        if ranges.isEmpty { return .never }
        if ranges == [.all] { return .always }
        let text = SetText.of(ranges.map(\.description))
        return .one("th dport \(text)", not: "th dport != \(text)")
    }

    private var userPorts: Match {
        let elements = UserPortBoxes(policy.userPorts, transport).elements
        return .oneOf(elements.isEmpty ? [] : ["meta skuid . th dport { \(elements.joined(separator: ", ")) }"])
    }

    /// `skuid` and `skgid` are those of the socket's file, that is of who made the socket, not of who connects it.
    private func owners(_ fact: Facts) -> Match {
        func ids(_ kind: OwnerFacts.Kind) -> [String] {
            policy.owners.filter { $0.kind == kind && $0.facts.contains(fact) }.map { "\($0.id)" }
        }
        let users = ids(.uid)
        let groups = ids(.gid)
        return .oneOf(
            (users.isEmpty ? [] : ["meta skuid \(SetText.of(users))"])
                + (groups.isEmpty ? [] : ["meta skgid \(SetText.of(groups))"]))
    }
}
