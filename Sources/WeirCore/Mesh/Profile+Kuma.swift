extension Profile {
    /// Kuma (kumahq/kuma pkg/transparentproxy/config, pkg/plugins/runtime/k8s/metadata).
    public static let kuma = Profile(
        name: "kuma",
        defaults: {
            var defaults = PolicySpecification(dialect: .kuma)
            defaults.outboundPort = 15001
            defaults.inboundPort = 15006
            defaults.dnsPort = 15053
            defaults.proxyUIDs = [5678]
            return defaults
        }(),
        exemptInboundPorts: [
            ExemptPort(nil, annotation: "kuma.io/application-probe-proxy-port"),
            // Kuma 2.x; its injector says by annotation whether it has rewritten the probes.
            ExemptPort(9000, annotation: "kuma.io/virtual-probes-port", onlyWith: "kuma.io/virtual-probes"),
            ExemptPort(nil, annotation: "kuma.io/envoy-admin-port"),
        ],
        annotations: [
            Annotation("traffic.kuma.io/transparent-proxy-config", .kumaConfiguration),
            Annotation("traffic.kuma.io/exclude-inbound-ports", .ports(.inboundExcludePorts, kumaPorts)),
            Annotation("traffic.kuma.io/exclude-outbound-ports", .ports(.outboundExcludePorts, kumaPorts)),
            Annotation("traffic.kuma.io/exclude-inbound-ips", .ranges(.inboundExcludeSources, kumaRanges)),
            Annotation("traffic.kuma.io/exclude-outbound-ips", .ranges(.outboundExcludeRanges, kumaRanges)),
            Annotation("traffic.kuma.io/exclude-outbound-ports-for-uids", .userPorts),
            Annotation("kuma.io/sidecar-uid", .identity(.proxyUIDs, none: -1)),
            Annotation("kuma.io/transparent-proxying-inbound-port", .port(.inboundPort)),
            Annotation("kuma.io/transparent-proxying-outbound-port", .port(.outboundPort)),
            Annotation("kuma.io/builtin-dns", .dns),
            Annotation("kuma.io/builtin-dns-port", .port(.dnsPort)),
            Annotation("kuma.io/gateway", .gateway),
            Annotation("kuma.io/transparent-proxying-ip-family-mode", .ipFamily),
            Annotation("kuma.io/transparent-proxying-inbound-v6-port", .ipv6Port),
            Annotation("kuma.io/application-probe-proxy-port", .exemptPort),
            Annotation("kuma.io/virtual-probes-port", .exemptPort),
            Annotation("kuma.io/envoy-admin-port", .exemptPort),
            Annotation("traffic.kuma.io/drop-invalid-packets", .dropInvalid),
        ],
        proxyReads: .untilEmpty)

    private static let kumaPorts = PortSyntax(ranges: false, trimsItems: true, skipsEmpty: true, lowest: 1)
    private static let kumaRanges = RangeSyntax(addresses: true, trimsItems: true, skipsEmpty: true)
}
