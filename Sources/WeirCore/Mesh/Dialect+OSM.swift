extension Dialect {
    /// Open Service Mesh's iptables rules (openservicemesh/osm pkg/injector/iptables.go, v1): TCP over IPv4.
    public static let osm = Dialect(
        name: "osm",
        outbound: [
            RuleTemplate(.direct, .udp, if: .udp),
            RuleTemplate(.inbound, .ownAddress, by: .proxy, if: .local, unless: .loopbackRange),
            RuleTemplate(.direct, .localAddress, if: .local, unless: .proxy),
            RuleTemplate(.direct, .proxy, by: .proxy, cite: .proxyUIDs),
            RuleTemplate(.direct, .excludedRange, if: .rangeExcluded, cite: .outboundExcludeRanges),
            RuleTemplate(.direct, .excludedPort, if: .portExcluded, cite: .outboundExcludePorts),
            RuleTemplate(.outbound, .outbound, when: [.allRangesIncluded], cite: .outboundIncludeRanges),
            RuleTemplate(.outbound, .includedRange, if: .rangeIncluded, cite: .outboundIncludeRanges),
            RuleTemplate(.direct, .notIncluded, cite: .outboundIncludeRanges),
        ],
        inbound: [
            RuleTemplate(.direct, .udp, if: .udp),
            RuleTemplate(.inbound, .inbound, if: .portInbound, cite: .inboundIncludePorts),
            RuleTemplate(.direct, .excludedPort, cite: .inboundExcludePorts),
        ],
        listedPortsBeatExclusions: true)
}
