/// What a workload's traffic policy says, whichever way it was written down: annotations, the configuration file, or
/// the oracle's vocabulary (`../shared/oracle/README.md`). `PolicyCompiler` turns it into what the kernel runs.
public struct PolicySpecification: Hashable, Sendable, Codable {
    /// Whose order of evaluation applies.
    public var dialect: Dialect
    /// The annotation or key that each setting came from; settings that are not here come from the profile.
    public var origins: [Setting: String] = [:]

    /// Ports of the proxy, in host order; a verdict whose port is nil does not occur.
    public var outboundPort: UInt16?
    public var inboundPort: UInt16?
    public var dnsPort: UInt16?
    public var tunnelPort: UInt16?
    /// Where the proxy listens for each family; unspecified (`Address.any6`): nowhere, and that family is left alone.
    public var proxyAddress4 = Address.loopback4
    public var proxyAddress6 = Address.loopback6
    /// Where it listens for DNS, when that is elsewhere; unspecified: nowhere, and no query of that family goes there.
    public var dnsAddress4: Address?
    public var dnsAddress6: Address?

    /// Whose sockets are the proxy's, as the initial user namespace sees them. The order of uids matters to Istio.
    public var proxyUIDs: [UInt32] = []
    public var proxyGIDs: [UInt32] = []
    /// Whether the proxy is also known by its cgroup.
    public var proxyCgroup = false
    /// Whether the proxy takes the accepted socket's own address for the original destination, as HAProxy does over
    /// IPv6, and does not ask for SO_ORIGINAL_DST.
    public var originFromSocketName = false
    /// SO_MARK of the proxy's own connections in TPROXY mode; 0 for none.
    public var mark: UInt32 = 0

    /// Whether IPv6 is to be captured.
    public var ipv6 = true
    public var interceptionMode = InterceptionMode.redirect
    /// Whether packets that connection tracking finds invalid are dropped, so that they cannot reset a connection that
    /// NAT rewrites. Sockets that eBPF redirects are not rewritten and need no such thing.
    public var dropInvalid = false
    public var outboundEnabled = true
    public var inboundEnabled = true

    public var outboundIncludePorts: [PortRange] = []
    public var outboundExcludePorts: [PortRange] = []
    public var outboundIncludeRanges = Selection<CIDR>.all
    public var outboundExcludeRanges: [CIDR] = []
    public var outboundExcludePortsForUIDs: [UserPorts] = []
    public var inboundIncludePorts = Selection<PortRange>.all
    public var inboundExcludePorts: [PortRange] = []
    /// Ranges of clients.
    public var inboundExcludeSources: [CIDR] = []
    public var ownerGroupsInclude = Selection<UInt32>.all
    public var ownerGroupsExclude: [UInt32] = []

    /// The IPv4 range that counts as loopback address; for IPv6 it is always ::1.
    public var loopbackRange = CIDR(.loopback4)
    public var dns = DNSCapture.off
    /// Names of interfaces whose traffic is left alone; a trailing `+` stands for any ending.
    public var excludeInterfaces: [String] = []
    public var virtualInterfaces: [VirtualInterface] = []

    public init(dialect: Dialect) {
        self.dialect = dialect
    }

    /// The name that a rule cites for a setting: the annotation or key, else the profile.
    public func origin(of setting: Setting?) -> String {
        setting.flatMap { origins[$0] } ?? "profile \(dialect.name)"
    }

    /// Whether a range of loopback addresses is included by name, which makes Istio redirect calls to the own pod.
    public var includesLoopback: Bool {
        outboundIncludeRanges.list.contains { $0.address.isLoopback }
    }

    /// Whether IPv4 is captured: the proxy listens for it.
    public var capturesIPv4: Bool { !proxyAddress4.isUnspecified }

    /// Whether IPv6 is captured: that is wanted, and the proxy listens for it.
    public var capturesIPv6: Bool { ipv6 && !proxyAddress6.isUnspecified }

    public var capturesDNS: Bool {
        switch dns {
        case .off: false
        case .all: true
        case .servers(let servers): !servers.isEmpty
        }
    }
}
