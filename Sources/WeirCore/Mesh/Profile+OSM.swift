extension Profile {
    /// Open Service Mesh (openservicemesh/osm pkg/injector); its rules are for IPv4 only.
    public static let osm = Profile(
        name: "osm",
        defaults: {
            var defaults = PolicySpecification(dialect: .osm)
            defaults.outboundPort = 15001
            defaults.inboundPort = 15003
            defaults.proxyUIDs = [1500]
            defaults.ipv6 = false
            return defaults
        }(),
        // Envoy's Prometheus listener, and the health probes that its listeners answer.
        exemptInboundPorts: [15010, 15901, 15902, 15903, 15904].map { ExemptPort($0) },
        annotations: [
            Annotation("openservicemesh.io/inbound-port-exclusion-list", .ports(.inboundExcludePorts, osmPorts)),
            Annotation("openservicemesh.io/outbound-port-exclusion-list", .ports(.outboundExcludePorts, osmPorts)),
            Annotation(
                "openservicemesh.io/outbound-ip-range-exclusion-list", .ranges(.outboundExcludeRanges, osmRanges)),
            Annotation(
                "openservicemesh.io/outbound-ip-range-inclusion-list", .ranges(.outboundIncludeRanges, osmRanges)),
        ],
        proxyReads: .untilEmpty)

    private static let osmPorts = PortSyntax(
        ranges: false, trimsItems: true, skipsEmpty: false, takesEmpty: false, lowest: 1)
    private static let osmRanges = RangeSyntax(
        addresses: false, trimsItems: true, skipsEmpty: false, takesEmpty: false)
}
