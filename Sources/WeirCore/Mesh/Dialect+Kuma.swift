extension Dialect {
    /// Kuma's iptables rules; the row numbers are those of the oracle's README.
    public static let kuma = Dialect(
        name: "kuma",
        outbound: kumaOutbound,
        inbound: [
            RuleTemplate(.dns, .dns, if: [.interfaceVirtual, .udp, .portDNS], cite: .virtualInterfaces),
            RuleTemplate(
                .outbound, .virtualInterface, if: .interfaceVirtual, unless: [.udp, .rangeIncluded],
                cite: .virtualInterfaces),
            RuleTemplate(.direct, .udp, if: .udp),
            RuleTemplate(.direct, .disabled, whenNot: [.inboundEnabled], cite: .inboundEnabled),
            RuleTemplate(.direct, .excludedSource, if: .sourceListed, cite: .inboundExcludeSources),
            RuleTemplate(.inbound, .inbound, if: .portInbound, cite: .inboundIncludePorts),
            RuleTemplate(.direct, .notIncluded, when: [.inboundPortsListed], cite: .inboundIncludePorts),
            RuleTemplate(.direct, .excludedPort, cite: .inboundExcludePorts),
        ],
        listedPortsBeatExclusions: true)

    private static let kumaOutbound: [RuleTemplate] = [
        // Rows 1 and 2.
        RuleTemplate(.direct, .excludedUID, if: .uidPort, cite: .outboundExcludePortsForUIDs),
        RuleTemplate(.direct, .excludedRange, if: .rangeExcluded, cite: .outboundExcludeRanges),
        // Row 3.
        RuleTemplate(.direct, .proxy, by: .proxy, if: [.udp, .portDNS], when: [.dnsCaptured], cite: .proxyUIDs),
        RuleTemplate(.dns, .dns, if: [.udp, .portDNS], when: [.allDNSCaptured], cite: .dns),
        RuleTemplate(.dns, .dns, if: [.udp, .portDNS, .dnsServer], when: [.dnsCaptured], cite: .dns),
        RuleTemplate(
            .direct, .dnsOverTCP, if: .portDNS, unless: Facts.proxy.union(.udp), when: [.dnsCaptured], cite: .dns),
        // Rows 4 and 5.
        RuleTemplate(.direct, .disabled, whenNot: [.outboundEnabled], cite: .outboundEnabled),
        RuleTemplate(
            .direct, .excludedPort, if: .portExcluded, whenNot: [.outboundPortsListed], cite: .outboundExcludePorts),
        // Row 6.
        RuleTemplate(.direct, .passthroughSource, if: [.local, .passthroughSource]),
        RuleTemplate(.inbound, .ownAddress, by: .proxy, if: .local, unless: [.udp, .loopbackRange]),
        RuleTemplate(.direct, .loopback, if: [.local, .loopbackRange]),
        RuleTemplate(.direct, .localAddress, if: .local),
        // Rows 7 to 9.
        RuleTemplate(.direct, .proxy, by: .proxy, cite: .proxyUIDs),
        RuleTemplate(.direct, .udp, if: .udp),
        RuleTemplate(
            .direct, .notIncluded, unless: .portIncluded, when: [.outboundPortsListed], cite: .outboundIncludePorts),
        RuleTemplate(.outbound, .includedPort, when: [.outboundPortsListed], cite: .outboundIncludePorts),
        RuleTemplate(.outbound, .outbound, cite: .outboundEnabled),
        RuleTemplate(.direct, .disabled, cite: .outboundPort),
    ]
}
