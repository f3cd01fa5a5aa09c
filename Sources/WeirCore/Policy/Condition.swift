/// What a rule of a dialect may ask of the specification when it is compiled.
public enum Condition: Hashable, Sendable {
    case ipv4Captured
    case ipv6Captured
    case outboundEnabled
    /// Inbound capture is on and there is a port for it.
    case inboundEnabled
    case tproxy
    /// All queries, or those to at least one server.
    case dnsCaptured
    case allDNSCaptured
    /// A range of loopback addresses is included by name.
    case loopbackIncluded
    /// Outbound ranges are "everything", not a list.
    case allRangesIncluded
    case outboundPortsListed
    case inboundPortsListed
    /// Groups to capture are a list, not "everything".
    case groupsListed
    /// Some uid, gid or cgroup is the proxy's.
    case proxyKnown
    /// The first identity of the proxy is a uid or a cgroup, not a gid.
    case proxyKnownByUser
}

extension PolicySpecification {
    func satisfies(_ condition: Condition) -> Bool {
        switch condition {
        case .ipv4Captured: capturesIPv4
        case .ipv6Captured: capturesIPv6
        case .outboundEnabled: outboundEnabled
        case .inboundEnabled: inboundEnabled && inboundPort != nil
        case .tproxy: interceptionMode == .tproxy
        case .dnsCaptured: capturesDNS
        case .allDNSCaptured: dns == .all
        case .loopbackIncluded: includesLoopback
        case .allRangesIncluded: !outboundIncludeRanges.isListed
        case .outboundPortsListed: !outboundIncludePorts.isEmpty
        case .inboundPortsListed: inboundIncludePorts.isListed
        case .groupsListed: ownerGroupsInclude.isListed
        case .proxyKnown: proxyKnownByUser || !proxyGIDs.isEmpty
        case .proxyKnownByUser: proxyKnownByUser
        }
    }

    private var proxyKnownByUser: Bool { !proxyUIDs.isEmpty || proxyCgroup }
}
