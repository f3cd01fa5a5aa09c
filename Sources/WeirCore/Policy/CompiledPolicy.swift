/// A policy as the kernel runs it: ordered rules over facts, and the tables that the facts come from.
/// Two specifications that decide alike and cite alike compile to equal policies, which are stored once.
public struct CompiledPolicy: Hashable, Sendable {
    /// At most 32 each; the last one fits everything.
    public let outboundRules: [Rule]
    public let inboundRules: [Rule]

    public let excludedPorts: PortSet
    public let includedPorts: PortSet
    public let inboundPorts: PortSet

    /// Sorted by direction, family, address and length.
    public let prefixes: [PrefixFacts]
    /// Sorted by kind and id.
    public let owners: [OwnerFacts]
    /// In the order in which they are tried; the first that matches an interface counts.
    public let interfaces: [InterfaceFacts]
    public let userPorts: [UserPorts]

    /// The proxy's ports in host order; nil when the verdict does not occur.
    public let outboundPort: UInt16?
    public let inboundPort: UInt16?
    public let dnsPort: UInt16?
    public let tunnelPort: UInt16?
    public let proxyAddress4: Address
    public let proxyAddress6: Address
    /// Where the proxy listens for DNS, when that is elsewhere.
    public let dnsAddress4: Address?
    public let dnsAddress6: Address?
    /// Whether the proxy is also known by its cgroup.
    public let proxyCgroup: Bool
    /// Whether the proxy's end keeps the address that was called, or lands on an address of the interface.
    public let interceptionMode: InterceptionMode
    /// Whether getsockname() of the proxy's accepted sockets gives the original destination.
    public let originFromSocketName: Bool
    /// SO_MARK of the proxy, 0 for none.
    public let mark: UInt32

    /// What rules cite, by `Rule.source`: the name of an annotation or key, or "profile istio".
    public let sources: [String]

    public func rules(_ direction: Direction) -> [Rule] {
        direction == .outbound ? outboundRules : inboundRules
    }

    /// The proxy's port for a verdict, in host order; nil for `direct`, `fallback` and `refuse`.
    public func port(of verdict: Verdict) -> UInt16? {
        switch verdict {
        case .outbound: outboundPort
        case .inbound: inboundPort
        case .dns: dnsPort
        case .direct, .fallback, .refuse: nil
        }
    }
}
