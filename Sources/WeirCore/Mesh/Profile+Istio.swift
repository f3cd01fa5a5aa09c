extension Profile {
    /// Istio, as its injector sets up a pod (istio/istio pkg/kube/inject/validate.go, cni/pkg/plugin).
    public static let istio = Profile(
        name: "istio",
        defaults: {
            var defaults = PolicySpecification(dialect: .istio)
            defaults.outboundPort = 15001
            defaults.inboundPort = 15006
            defaults.tunnelPort = 15008
            defaults.dnsPort = 15053
            defaults.proxyUIDs = [1337]
            defaults.proxyGIDs = [1337]
            defaults.mark = 1337
            return defaults
        }(),
        exemptInboundPorts: [
            ExemptPort(15020, annotation: "status.sidecar.istio.io/port"), ExemptPort(15021), ExemptPort(15090),
        ],
        annotations: [
            Annotation("traffic.sidecar.istio.io/includeInboundPorts", .ports(.inboundIncludePorts, istioPorts)),
            Annotation("traffic.sidecar.istio.io/excludeInboundPorts", .ports(.inboundExcludePorts, istioPorts)),
            Annotation("traffic.sidecar.istio.io/includeOutboundPorts", .ports(.outboundIncludePorts, istioPorts)),
            Annotation("traffic.sidecar.istio.io/excludeOutboundPorts", .ports(.outboundExcludePorts, istioPorts)),
            Annotation(
                "traffic.sidecar.istio.io/includeOutboundIPRanges", .ranges(.outboundIncludeRanges, istioRanges)),
            Annotation(
                "traffic.sidecar.istio.io/excludeOutboundIPRanges", .ranges(.outboundExcludeRanges, istioRanges)),
            Annotation("traffic.sidecar.istio.io/excludeInterfaces", .interfaces(.excludeInterfaces)),
            Annotation("istio.io/reroute-virtual-interfaces", .interfaces(.virtualInterfaces)),
            Annotation(
                "traffic.sidecar.istio.io/kubevirtInterfaces",
                .interfaces(.virtualInterfaces, unless: "istio.io/reroute-virtual-interfaces")),
            Annotation("sidecar.istio.io/interceptionMode", .interceptionMode),
            Annotation("status.sidecar.istio.io/port", .exemptPort),
        ],
        proxyReads: .untilEmpty)

    private static let istioPorts = PortSyntax(ranges: false, trimsItems: true, skipsEmpty: false, lowest: 0)
    private static let istioRanges = RangeSyntax(addresses: false, trimsItems: false, skipsEmpty: false)
}
