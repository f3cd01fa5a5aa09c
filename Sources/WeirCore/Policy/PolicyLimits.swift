import CWeirABI

/// What one workload's policy may take of the room that all of a node share, and of the agent's time. Over a limit is an
/// error of that workload alone, found before anything reaches a map. No list is limited below 10,000 entries.
public enum PolicyLimits {
    /// Ranges of all lists together, which are entries of `weir_prefixes`. A pod's annotations hold some 30,000.
    public static let prefixes = Int(WEIR_SHARE_PREFIXES)
    /// Users and groups together, which are entries of `weir_owners`.
    public static let owners = Int(WEIR_SHARE_OWNERS)
    /// Entries of `weir_uports`, which are of one user and protocol, and a power of two of ports. 10,000 ports of a user, of
    /// both protocols, are 20,000.
    public static let userPorts = Int(WEIR_SHARE_USER_PORTS)
    /// Each is tried for each interface of the namespace, and written into the nftables rules.
    public static let interfaces = 16_384
    /// Ports in a list. There are no more, so a longer list repeats itself.
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
        var (ranges, ids) = (0, 0)
        for (list, setting) in [
            (specification.outboundIncludeRanges.list, Setting.outboundIncludeRanges),
            (specification.outboundExcludeRanges, .outboundExcludeRanges),
            (specification.inboundExcludeSources, .inboundExcludeSources),
        ] {
            ranges += list.count
            try check(ranges, prefixes, "ranges", setting)
        }
        if case .servers(let servers) = specification.dns {
            try check(ranges + servers.count, prefixes, "ranges and servers", .dns)
        }
        for (count, setting) in [
            (
                specification.ownerGroupsInclude.list.count + specification.ownerGroupsExclude.count,
                Setting.ownerGroupsInclude
            ),
            (specification.proxyUIDs.count, .proxyUIDs), (specification.proxyGIDs.count, .proxyGIDs),
        ] {
            ids += count
            try check(ids, owners, "users and groups", setting)
        }
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
