extension Profile {
    /// Linkerd (linkerd/linkerd2-proxy-init proxy-init, cni-plugin, pkg/ports).
    public static let linkerd = Profile(
        name: "linkerd",
        defaults: {
            var defaults = PolicySpecification(dialect: .linkerd)
            defaults.outboundPort = 4140
            defaults.inboundPort = 4143
            defaults.proxyUIDs = [2102]
            defaults.inboundExcludePorts = [PortRange(4567, 4568)]
            defaults.outboundExcludePorts = [PortRange(4567, 4568)]
            return defaults
        }(),
        exemptInboundPorts: [
            ExemptPort(4190, annotation: "config.linkerd.io/control-port"),
            ExemptPort(4191, annotation: "config.linkerd.io/admin-port"),
        ],
        annotations: [
            Annotation("config.linkerd.io/skip-inbound-ports", .ports(.inboundExcludePorts, linkerdPorts)),
            Annotation("config.linkerd.io/skip-outbound-ports", .ports(.outboundExcludePorts, linkerdPorts)),
            Annotation(
                "config.linkerd.io/skip-subnets",
                .ranges(.inboundExcludeSources, RangeSyntax(addresses: false, trimsItems: true, skipsEmpty: false))),
            // proxy-init writes a rule for a uid above 0 and for a gid from 0.
            Annotation("config.linkerd.io/proxy-uid", .identity(.proxyUIDs, none: 0)),
            Annotation("config.linkerd.io/proxy-gid", .identity(.proxyGIDs, none: -1)),
            Annotation("config.linkerd.io/inbound-port", .port(.inboundPort)),
            Annotation("config.linkerd.io/outbound-port", .port(.outboundPort)),
            Annotation("config.linkerd.io/control-port", .exemptPort),
            Annotation("config.linkerd.io/admin-port", .exemptPort),
        ],
        proxyReads: .untilShort)

    /// proxy-init logs an item that it cannot read, and goes on (linkerd2-proxy-init, makeMultiportDestinations).
    private static let linkerdPorts = PortSyntax(
        ranges: true, trimsItems: false, skipsEmpty: false, skipsInvalid: true, lowest: 0)
}
