extension Dialect {
    /// Linkerd's iptables rules, as the oracle's README states them.
    public static let linkerd = Dialect(
        name: "linkerd",
        outbound: [
            RuleTemplate(.direct, .udp, if: .udp),
            RuleTemplate(.direct, .proxy, by: .proxy, cite: .proxyUIDs),
            RuleTemplate(.direct, .localAddress, if: .local),
            RuleTemplate(.direct, .excludedPort, if: .portExcluded, cite: .outboundExcludePorts),
            RuleTemplate(.outbound, .outbound),
            RuleTemplate(.direct, .disabled, cite: .outboundPort),
        ],
        inbound: [
            RuleTemplate(.direct, .udp, if: .udp),
            RuleTemplate(
                .direct, .notIncluded, unless: .portInbound, when: [.inboundPortsListed], cite: .inboundIncludePorts),
            RuleTemplate(.direct, .excludedPort, unless: .portInbound, cite: .inboundExcludePorts),
            RuleTemplate(.direct, .excludedSource, if: .sourceListed, cite: .inboundExcludeSources),
            RuleTemplate(.inbound, .inbound),
            RuleTemplate(.direct, .disabled, cite: .inboundPort),
        ],
        listedPortsBeatExclusions: false)
}
