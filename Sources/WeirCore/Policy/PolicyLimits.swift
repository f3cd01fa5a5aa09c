/// What one workload's policy may take of the room that all of a node share, and of the agent's time. Over a limit is an
/// error of that workload alone, found before anything reaches a map. No list is limited below 10,000 entries.
public enum PolicyLimits {
    /// `weir_prefixes` has room for 64 such policies. A pod's annotations hold some 30,000 at the most.
    public static let prefixes = 65_536
    /// `weir_owners` has room for 64 such policies.
    public static let owners = 16_384
    /// Entries of `weir_uports`, which are of one user and protocol, and a power of two of ports. The map has room for 32
    /// such policies; 10,000 ports of a user, of both protocols, are 20,000.
    public static let userPorts = 32_768
    /// Each is tried for each interface of the namespace, and written into the nftables rules.
    public static let interfaces = 16_384
    /// Of a list of ports. There are no more ports, so a longer one repeats itself.
    public static let ports = 65_536
    /// Of a pod's annotations, names and values: what Kubernetes keeps (TotalAnnotationSizeLimitB). What is longer comes
    /// from no API server.
    public static let annotationBytes = 256 << 10

    /// - Throws: a sentence that names the setting.
    static func check(_ specification: PolicySpecification) throws(InvalidValue) {
        func check(_ count: Int, _ limit: Int, _ what: String, _ setting: Setting) throws(InvalidValue) {
            guard count > limit else { return }
            throw InvalidValue(
                "\(specification.origin(of: setting)): \(count) \(what), and a policy has \(limit) at most; "
                    + "shorten the list")
        }
        for (list, setting) in [
            (specification.outboundIncludePorts, Setting.outboundIncludePorts),
            (specification.outboundExcludePorts, .outboundExcludePorts),
            (specification.inboundIncludePorts.list, .inboundIncludePorts),
            (specification.inboundExcludePorts, .inboundExcludePorts),
        ] { try check(list.count, ports, "ports", setting) }
        for (list, setting) in [
            (specification.outboundIncludeRanges.list, Setting.outboundIncludeRanges),
            (specification.outboundExcludeRanges, .outboundExcludeRanges),
            (specification.inboundExcludeSources, .inboundExcludeSources),
        ] { try check(list.count, prefixes, "ranges", setting) }
        if case .servers(let servers) = specification.dns { try check(servers.count, prefixes, "servers", .dns) }
        let groups = specification.ownerGroupsInclude.list.count + specification.ownerGroupsExclude.count
        try check(groups, owners, "groups", .ownerGroupsInclude)
        try check(specification.proxyUIDs.count, owners, "uids", .proxyUIDs)
        try check(specification.proxyGIDs.count, owners, "gids", .proxyGIDs)
        try check(specification.excludeInterfaces.count, interfaces, "interfaces", .excludeInterfaces)
        try check(specification.virtualInterfaces.count, interfaces, "interfaces", .virtualInterfaces)
        try check(
            entries(of: specification.outboundExcludePortsForUIDs), userPorts,
            "entries, one for each user, protocol and power of two of ports", .outboundExcludePortsForUIDs)
    }

    /// How many entries of `weir_uports` they become. Stops counting when it is over the limit.
    private static func entries(of list: [UserPorts]) -> Int {
        var sum = 0
        for entry in list {
            let each = entry.ports.reduce(0) { $0 + $1.prefixes.count } * entry.transports.count
            sum += each * entry.users.count
            if sum > userPorts { break }
        }
        return sum
    }
}
