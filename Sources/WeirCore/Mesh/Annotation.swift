/// One annotation of a mesh: its name, what it sets, and how the mesh reads it.
public struct Annotation: Hashable, Sendable {
    public let name: String
    public let effect: Effect

    public init(_ name: String, _ effect: Effect) {
        self.name = name
        self.effect = effect
    }

    /// What an annotation's text sets.
    public enum Effect: Hashable, Sendable {
        /// A list of ports; `*` only where the setting knows "everything".
        case ports(Setting, PortSyntax)
        /// A list of ranges; `*` only where the setting knows "everything".
        case ranges(Setting, RangeSyntax)
        /// One port of the proxy.
        case port(Setting)
        /// The only uid or gid of the proxy; `none` or less: it has none.
        case identity(Setting, none: Int)
        /// REDIRECT, TPROXY or NONE.
        case interceptionMode
        /// A list of interface names; not read when an annotation with the other name is there.
        case interfaces(Setting, unless: String? = nil)
        /// Entries of `protocols:ports:uids`, divided by semicolons.
        case userPorts
        /// Whether all DNS goes to the proxy.
        case dns
        /// Whether packets that conntrack calls invalid are dropped.
        case dropInvalid
        /// Whether the workload is a gateway, which has no inbound capture.
        case gateway
        /// `ipv4` turns IPv6 off; `dualstack` turns it on.
        case ipFamily
        /// The proxy's port for IPv6, as Kuma before 2.9 had it; 0 turns IPv6 off, whatever else is said.
        case ipv6Port
        /// Kuma's whole transparent proxy configuration, in YAML; the annotations after it go before it.
        case kumaConfiguration
        /// A port that is exempt inbound; see `Profile.ExemptPort`.
        case exemptPort
    }
}
