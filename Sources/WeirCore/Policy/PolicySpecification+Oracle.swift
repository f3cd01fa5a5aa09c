/// The `config` object of the oracle's cases (`../shared/oracle/README.md`, "Vocabulary"). What is not given keeps the
/// value it has in a new specification; keys that do not bear on decisions are ignored.
public struct OracleConfiguration: Decodable, Sendable {
    public let policy: PolicySpecification

    public init(from decoder: any Decoder) throws {
        policy = try PolicySpecification(oracle: decoder)
    }
}

extension PolicySpecification {
    fileprivate init(oracle decoder: any Decoder) throws {
        let map = try decoder.container(keyedBy: Key.self)
        let name = try map.decode(String.self, forKey: .dialect)
        guard let dialect = Dialect.named(name) else {
            throw DecodingError.dataCorruptedError(
                forKey: .dialect, in: map, debugDescription: "\"\(name)\" is not a dialect")
        }
        self.init(dialect: dialect)
        outboundPort = try map.decodeIfPresent(UInt16.self, forKey: .outboundPort)
        inboundPort = try map.decodeIfPresent(UInt16.self, forKey: .inboundPort)
        dnsPort = try map.decodeIfPresent(UInt16.self, forKey: .dnsPort)
        tunnelPort = try map.decodeIfPresent(UInt16.self, forKey: .tunnelPort)
        proxyUIDs = try map.decodeIfPresent([UInt32].self, forKey: .proxyUIDs) ?? []
        proxyGIDs = try map.decodeIfPresent([UInt32].self, forKey: .proxyGIDs) ?? []
        ipv6 = try map.decodeIfPresent(Bool.self, forKey: .ipv6) ?? true
        try decodeInbound(map)
        try decodeOutbound(map)
        try decodeOthers(map)
    }

    private mutating func decodeInbound(_ map: KeyedDecodingContainer<Key>) throws {
        inboundEnabled = try map.decodeIfPresent(Bool.self, forKey: .inboundEnabled) ?? true
        if let word = try map.decodeIfPresent(String.self, forKey: .inboundMode) {
            interceptionMode = InterceptionMode(rawValue: word) ?? .redirect
        }
        dropInvalid = try map.decodeIfPresent(Bool.self, forKey: .dropInvalid) ?? false
        if let ports = try map.decodeIfPresent(AllOrList<OraclePort>.self, forKey: .inboundIncludePorts) {
            let selection = ports.selection { $0.range }
            // To Kuma an empty list is no list, to Istio it is nothing.
            inboundIncludePorts = dialect == .kuma && selection.list.isEmpty ? .all : selection
        }
        if let ports = try map.decodeIfPresent([OraclePort].self, forKey: .inboundRedirectPorts), !ports.isEmpty {
            inboundIncludePorts = .listed(ports.map(\.range))
        }
        for key in [Key.inboundExcludePorts, .inboundSkipPorts] {
            inboundExcludePorts += try map.decodeIfPresent([OraclePort].self, forKey: key)?.map(\.range) ?? []
        }
        for key in [Key.inboundExcludeSources, .skipSubnets] {
            inboundExcludeSources += try map.decodeIfPresent([OracleRange].self, forKey: key)?.map(\.range) ?? []
        }
    }

    private mutating func decodeOutbound(_ map: KeyedDecodingContainer<Key>) throws {
        outboundEnabled = try map.decodeIfPresent(Bool.self, forKey: .outboundEnabled) ?? true
        outboundIncludePorts =
            try map.decodeIfPresent([OraclePort].self, forKey: .outboundIncludePorts)?.map(\.range) ?? []
        for key in [Key.outboundExcludePorts, .outboundSkipPorts] {
            outboundExcludePorts += try map.decodeIfPresent([OraclePort].self, forKey: key)?.map(\.range) ?? []
        }
        if let ranges = try map.decodeIfPresent(AllOrList<OracleRange>.self, forKey: .outboundIncludeRanges) {
            outboundIncludeRanges = ranges.selection { $0.range }
        }
        outboundExcludeRanges =
            try map.decodeIfPresent([OracleRange].self, forKey: .outboundExcludeRanges)?.map(\.range) ?? []
        outboundExcludePortsForUIDs =
            try map.decodeIfPresent([OracleUserPorts].self, forKey: .outboundExcludePortsForUIDs)?.map(\.ports) ?? []
        if let groups = try map.decodeIfPresent(AllOrList<UInt32>.self, forKey: .ownerGroupsInclude) {
            ownerGroupsInclude = groups.selection { $0 }
        }
        ownerGroupsExclude = try map.decodeIfPresent([UInt32].self, forKey: .ownerGroupsExclude) ?? []
    }

    private mutating func decodeOthers(_ map: KeyedDecodingContainer<Key>) throws {
        if let range = try map.decodeIfPresent(OracleRange.self, forKey: .loopbackRange) { loopbackRange = range.range }
        let servers = try map.decodeIfPresent([OracleRange].self, forKey: .dnsServers) ?? []
        switch try map.decodeIfPresent(String.self, forKey: .dnsCapture) {
        case "all": dns = .all
        case "servers": dns = .servers(servers.map(\.range.address))
        default: dns = .off
        }
        excludeInterfaces = try map.decodeIfPresent([String].self, forKey: .excludeInterfaces) ?? []
        let names = try map.decodeIfPresent([String].self, forKey: .virtualInterfaces) ?? []
        let networks = try map.decodeIfPresent([OracleNetwork].self, forKey: .vnet) ?? []
        virtualInterfaces = names.map { VirtualInterface(name: $0) } + networks.map(\.interface)
        // Istio's Envoy marks its connections in TPROXY mode.
        mark = dialect == .istio ? 1337 : 0
    }

    private enum Key: String, CodingKey {
        case dialect, ipv6, vnet
        case outboundPort = "outbound_port"
        case inboundPort = "inbound_port"
        case dnsPort = "dns_port"
        case tunnelPort = "tunnel_port"
        case proxyUIDs = "proxy_uids"
        case proxyGIDs = "proxy_gids"
        case inboundMode = "inbound_mode"
        case dropInvalid = "drop_invalid"
        case inboundEnabled = "inbound_enabled"
        case outboundEnabled = "outbound_enabled"
        case inboundIncludePorts = "inbound_include_ports"
        case inboundExcludePorts = "inbound_exclude_ports"
        case inboundRedirectPorts = "inbound_redirect_ports"
        case inboundSkipPorts = "inbound_skip_ports"
        case inboundExcludeSources = "inbound_exclude_source_cidrs"
        case skipSubnets = "skip_subnets"
        case outboundIncludePorts = "outbound_include_ports"
        case outboundExcludePorts = "outbound_exclude_ports"
        case outboundSkipPorts = "outbound_skip_ports"
        case outboundIncludeRanges = "outbound_include_cidrs"
        case outboundExcludeRanges = "outbound_exclude_cidrs"
        case outboundExcludePortsForUIDs = "outbound_exclude_ports_for_uids"
        case ownerGroupsInclude = "owner_groups_include"
        case ownerGroupsExclude = "owner_groups_exclude"
        case loopbackRange = "loopback_cidr_v4"
        case dnsCapture = "dns_capture"
        case dnsServers = "dns_servers"
        case excludeInterfaces = "exclude_interfaces"
        case virtualInterfaces = "reroute_virtual_interfaces"
    }
}
