extension Dialect {
    /// Any transparent proxy. Like Istio's order, without what depends on how Istio writes its iptables rules: all of
    /// the proxy's identities count alike, and exclusions always beat inclusions.
    ///
    /// The workload's calls to its own addresses are left alone unless a loopback range is included by name; then
    /// they are decided by the ranges like any others.
    public static let custom = Dialect(
        name: "custom",
        outbound: [
            RuleTemplate(.direct, .disabled, whenNot: [.outboundEnabled], cite: .outboundEnabled),
            RuleTemplate(.direct, .excludedInterface, if: .interfaceExcluded, cite: .excludeInterfaces),
            RuleTemplate(.direct, .excludedPort, if: .portExcluded, cite: .outboundExcludePorts),
            RuleTemplate(.direct, .passthroughSource, if: [.local, .passthroughSource]),
            RuleTemplate(
                .inbound, .ownAddress, by: .proxy, if: .local, unless: [.udp, .loopbackRange, .portTunnel],
                when: [.inboundEnabled]),
            RuleTemplate(.direct, .proxy, by: .proxy, cite: .proxyUIDs),
            RuleTemplate(.dns, .dns, if: .portDNS, when: [.allDNSCaptured], cite: .dns),
            RuleTemplate(.dns, .dns, if: [.portDNS, .dnsServer], when: [.dnsCaptured], cite: .dns),
            RuleTemplate(.direct, .udp, if: .udp),
            RuleTemplate(.direct, .localAddress, if: .local, whenNot: [.loopbackIncluded]),
            RuleTemplate(.direct, .excludedRange, if: .rangeExcluded, cite: .outboundExcludeRanges),
            RuleTemplate(.outbound, .includedPort, if: .portIncluded, cite: .outboundIncludePorts),
            RuleTemplate(.outbound, .outbound, when: [.allRangesIncluded], cite: .outboundIncludeRanges),
            RuleTemplate(.outbound, .includedRange, if: .rangeIncluded, cite: .outboundIncludeRanges),
            RuleTemplate(.direct, .notIncluded, cite: .outboundIncludeRanges),
        ],
        inbound: [
            RuleTemplate(.direct, .disabled, whenNot: [.inboundEnabled], cite: .inboundPort),
            RuleTemplate(.direct, .udp, if: .udp),
            RuleTemplate(.direct, .excludedInterface, if: .interfaceExcluded, cite: .excludeInterfaces),
            RuleTemplate(.direct, .excludedSource, if: .sourceListed, cite: .inboundExcludeSources),
            RuleTemplate(.direct, .tunnelPort, if: .portTunnel, cite: .tunnelPort),
            RuleTemplate(.inbound, .inbound, if: .portInbound, cite: .inboundIncludePorts),
            RuleTemplate(.direct, .notIncluded, when: [.inboundPortsListed], cite: .inboundIncludePorts),
            RuleTemplate(.direct, .excludedPort, cite: .inboundExcludePorts),
        ],
        listedPortsBeatExclusions: false)
}
