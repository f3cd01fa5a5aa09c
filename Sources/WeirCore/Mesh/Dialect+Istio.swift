extension Dialect {
    /// Istio's iptables rules; the row numbers are those of the tables in `../shared/oracle/README.md`.
    ///
    /// The oracle's rows 4 and 5 stand once for each uid and gid. What is left of that after the first identity:
    /// others than the first never get to 4a with a local destination, unless a loopback range is included or DNS is
    /// captured.
    public static let istio = Dialect(
        name: "istio",
        outbound: istioSwitches + istioIdentity + istioRanges,
        inbound: istioInbound,
        listedPortsBeatExclusions: true)

    private static let first: Facts = [.proxyFirstUID, .proxyCgroup]

    private static let istioSwitches: [RuleTemplate] = [
        RuleTemplate(.direct, .disabled, whenNot: [.outboundEnabled], cite: .outboundEnabled),
        // TPROXY mode: what is left direct below passes the inbound port test in the mangle table.
        RuleTemplate(
            .inbound, .ownAddress, by: .proxy, if: [.local, .portInbound],
            unless: [.udp, .loopbackRange, .mark, .passthroughSource], when: [.tproxy], cite: .interceptionMode),
        // Rows 1 to 3.
        RuleTemplate(.direct, .excludedInterface, if: .interfaceExcluded, cite: .excludeInterfaces),
        RuleTemplate(.direct, .excludedPort, if: .portExcluded, cite: .outboundExcludePorts),
        RuleTemplate(.direct, .passthroughSource, if: [.local, .passthroughSource]),
    ]

    private static let istioIdentity: [RuleTemplate] = [
        // Row 4a for the first identity; 5a, which does not spare port 53, when that is a gid.
        RuleTemplate(
            .inbound, .ownAddress, by: first, if: .local, unless: [.udp, .loopbackRange, .portTunnel, .portDNS],
            when: [.dnsCaptured, .proxyKnownByUser]),
        RuleTemplate(
            .inbound, .ownAddress, by: first, if: .local, unless: [.udp, .loopbackRange, .portTunnel],
            when: [.dnsCaptured], whenNot: [.proxyKnownByUser]),
        RuleTemplate(
            .inbound, .ownAddress, by: first, if: .local, unless: [.udp, .loopbackRange, .portTunnel],
            whenNot: [.dnsCaptured]),
        // Row 4b.
        RuleTemplate(
            .direct, .localAddress, if: .local, unless: first, when: [.proxyKnown],
            whenNot: [.loopbackIncluded, .dnsCaptured], cite: .outboundIncludeRanges),
        RuleTemplate(
            .direct, .localAddress, if: .local, unless: first.union([.udp, .portDNS]),
            when: [.proxyKnown, .dnsCaptured], whenNot: [.loopbackIncluded], cite: .outboundIncludeRanges),
        // Row 4c, then 4a and 4c for the other uids, 5a and 5c for the gids.
        RuleTemplate(.direct, .proxy, by: first, cite: .proxyUIDs),
        RuleTemplate(
            .inbound, .ownAddress, if: [.proxyOtherUID, .local],
            unless: [.udp, .loopbackRange, .portTunnel, .portDNS], when: [.dnsCaptured]),
        RuleTemplate(
            .inbound, .ownAddress, if: [.proxyOtherUID, .local], unless: [.udp, .loopbackRange, .portTunnel],
            whenNot: [.dnsCaptured]),
        RuleTemplate(.direct, .proxy, if: .proxyOtherUID, cite: .proxyUIDs),
        RuleTemplate(
            .inbound, .ownAddress, if: [.proxyGID, .local], unless: [.udp, .loopbackRange, .portTunnel]),
        RuleTemplate(.direct, .proxy, if: .proxyGID, cite: .proxyGIDs),
    ]

    private static let istioRanges: [RuleTemplate] = [
        // Row 6.
        RuleTemplate(.direct, .excludedGroup, unless: .groupListed, when: [.groupsListed], cite: .ownerGroupsInclude),
        RuleTemplate(.direct, .excludedGroup, if: .groupListed, whenNot: [.groupsListed], cite: .ownerGroupsExclude),
        // Row 7.
        RuleTemplate(.dns, .dns, if: .portDNS, when: [.allDNSCaptured], cite: .dns),
        RuleTemplate(.dns, .dns, if: [.portDNS, .dnsServer], when: [.dnsCaptured], cite: .dns),
        // Rows 8 to 11.
        RuleTemplate(.direct, .udp, if: .udp),
        RuleTemplate(.direct, .loopback, if: .loopbackRange, cite: .loopbackRange),
        RuleTemplate(.direct, .excludedRange, if: .rangeExcluded, cite: .outboundExcludeRanges),
        RuleTemplate(.outbound, .includedPort, if: .portIncluded, cite: .outboundIncludePorts),
        RuleTemplate(.outbound, .outbound, when: [.allRangesIncluded], cite: .outboundIncludeRanges),
        RuleTemplate(.outbound, .includedRange, if: .rangeIncluded, cite: .outboundIncludeRanges),
        RuleTemplate(.direct, .notIncluded, cite: .outboundIncludeRanges),
    ]

    private static let istioInbound: [RuleTemplate] = [
        RuleTemplate(.direct, .disabled, whenNot: [.inboundEnabled], cite: .inboundEnabled),
        RuleTemplate(.direct, .udp, if: .udp),
        RuleTemplate(.direct, .excludedInterface, if: .interfaceExcluded, cite: .excludeInterfaces),
        RuleTemplate(.inbound, .inbound, if: .portInbound, when: [.tproxy], cite: .inboundIncludePorts),
        RuleTemplate(
            .outbound, .virtualInterface, if: .interfaceVirtual, when: [.allRangesIncluded], cite: .virtualInterfaces),
        RuleTemplate(.outbound, .virtualInterface, if: [.interfaceVirtual, .rangeIncluded], cite: .virtualInterfaces),
        RuleTemplate(.direct, .notIncluded, if: .interfaceVirtual, cite: .outboundIncludeRanges),
        RuleTemplate(.direct, .tunnelPort, if: .portTunnel, cite: .tunnelPort),
        RuleTemplate(.inbound, .inbound, if: .portInbound, cite: .inboundIncludePorts),
        RuleTemplate(.direct, .notIncluded, when: [.inboundPortsListed], cite: .inboundIncludePorts),
        RuleTemplate(.direct, .excludedPort, cite: .inboundExcludePorts),
    ]
}
