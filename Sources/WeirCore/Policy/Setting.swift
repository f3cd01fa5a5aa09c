/// The settings of a policy, as things that a rule can cite and an annotation can set.
public enum Setting: String, Hashable, Sendable, CaseIterable, Codable {
    case outboundPort, inboundPort, dnsPort, tunnelPort
    case proxyUIDs, proxyGIDs, proxyCgroup
    case ipv6
    case interceptionMode
    case outboundEnabled, inboundEnabled
    case outboundIncludePorts, outboundExcludePorts, outboundIncludeRanges, outboundExcludeRanges
    case outboundExcludePortsForUIDs
    case inboundIncludePorts, inboundExcludePorts, inboundExcludeSources
    case ownerGroupsInclude, ownerGroupsExclude
    case loopbackRange
    case dns
    case excludeInterfaces, virtualInterfaces
}
