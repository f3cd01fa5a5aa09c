/// The tables that facts come from, and which facts can be set at all.
struct FactTables {
    struct Ports {
        var excluded = PortSet()
        var included = PortSet()
        var inbound = PortSet()
    }

    private(set) var ports = Ports()
    private(set) var prefixes: [PrefixFacts] = []
    private(set) var owners: [OwnerFacts] = []
    private(set) var interfaces: [InterfaceFacts] = []
    private(set) var userPorts: [UserPorts] = []
    /// Facts that some attempt can have.
    private(set) var available: Facts = [.udp, .ipv6, .local, .passthroughSource, .portDNS]

    private let specification: PolicySpecification

    init(_ specification: PolicySpecification) {
        self.specification = specification
        ports.excluded = PortSet(specification.outboundExcludePorts)
        ports.included = PortSet(specification.outboundIncludePorts)
        ports.inbound = Self.inboundPorts(specification)
        owners = OwnerTable(specification).entries
        interfaces = Self.interfaces(specification)
        userPorts = specification.outboundExcludePortsForUIDs.filter { !$0.ports.isEmpty && !$0.transports.isEmpty }
        available.formUnion(simpleFacts)
        for owner in owners { available.formUnion(owner.facts) }
        for interface in interfaces {
            available.formUnion(interface.facts)
            if interface.network != nil { available.insert(.rangeIncluded) }
        }
    }

    private var simpleFacts: Facts {
        var facts: Facts = .loopbackRange
        if !ports.excluded.isEmpty { facts.insert(.portExcluded) }
        if !ports.included.isEmpty { facts.insert(.portIncluded) }
        if !ports.inbound.isEmpty { facts.insert(.portInbound) }
        if !userPorts.isEmpty { facts.insert(.uidPort) }
        if specification.tunnelPort != nil { facts.insert(.portTunnel) }
        if specification.proxyCgroup { facts.insert(.proxyCgroup) }
        if specification.mark != 0 { facts.insert(.mark) }
        if !specification.outboundExcludeRanges.isEmpty { facts.insert(.rangeExcluded) }
        if !specification.outboundIncludeRanges.list.isEmpty { facts.insert(.rangeIncluded) }
        if case .servers(let servers) = specification.dns, !servers.isEmpty { facts.insert(.dnsServer) }
        if !specification.inboundExcludeSources.isEmpty { facts.insert(.sourceListed) }
        return facts
    }

    /// The tables without what no rule asks for, and with the prefixes, which are the costly part.
    func restricted(to outbound: Facts, _ inbound: Facts) -> FactTables {
        var used = self
        let all = outbound.union(inbound)
        if !all.contains(.portExcluded) { used.ports.excluded = PortSet() }
        if !all.contains(.portIncluded) { used.ports.included = PortSet() }
        if !all.contains(.portInbound) { used.ports.inbound = PortSet() }
        if !all.contains(.uidPort) { used.userPorts = [] }
        used.owners = owners.compactMap { owner in
            let facts = owner.facts.intersection(outbound)
            return facts == [] ? nil : OwnerFacts(kind: owner.kind, id: owner.id, facts: facts)
        }
        used.interfaces = interfaces.compactMap { interface in
            let facts = interface.facts.intersection(all)
            return facts == [] ? nil : InterfaceFacts(name: interface.name, facts: facts, network: interface.network)
        }
        // Inbound rules see the included ranges by destination, which are outbound prefixes.
        let destinations = outbound.union(inbound.intersection(.rangeIncluded))
        used.prefixes = PrefixTable(specification, outbound: destinations, inbound: inbound).entries
        return used
    }

    private static func inboundPorts(_ specification: PolicySpecification) -> PortSet {
        let listed = specification.inboundIncludePorts.isListed
        var ports = PortSet(listed ? specification.inboundIncludePorts.list : [.all])
        if !(listed && specification.dialect.listedPortsBeatExclusions) {
            for range in specification.inboundExcludePorts { ports.remove(range) }
        }
        return ports
    }

    private static func interfaces(_ specification: PolicySpecification) -> [InterfaceFacts] {
        specification.excludeInterfaces.map { InterfaceFacts(name: $0, facts: .interfaceExcluded) }
            + specification.virtualInterfaces.map {
                InterfaceFacts(name: $0.name, facts: .interfaceVirtual, network: $0.network)
            }
    }
}
