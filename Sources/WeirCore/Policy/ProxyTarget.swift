/// Where a policy sends connections to: one port of the proxy, for one transport.
public struct ProxyTarget: Hashable, Sendable {
    /// `outbound`, `inbound` or `dns`.
    public let verdict: Verdict
    public let transport: Transport
    /// In host order.
    public let port: UInt16
    /// Where the proxy listens in each family. Inbound connections reach the workload's own addresses, whatever stands
    /// here.
    public let addresses: [Address]

    public init(verdict: Verdict, transport: Transport, port: UInt16, addresses: [Address]) {
        self.verdict = verdict
        self.transport = transport
        self.port = port
        self.addresses = addresses.filter { !$0.isUnspecified }
    }
}

extension ProxyTarget {
    /// What a rule asks of an attempt, and what it decides.
    public typealias Rule = (verdict: Verdict, care: Facts, want: Facts)

    /// The ports that anything can be sent to.
    /// - Parameters:
    ///   - port: of a verdict, in host order; nil for none.
    ///   - proxy: where the proxy listens.
    ///   - dns: where it does for DNS.
    public static func all(
        outbound: [Rule], inbound: [Rule], proxy: [Address], dns: [Address], port: (Verdict) -> UInt16?
    ) -> [ProxyTarget] {
        let wanted: [(Verdict, [Rule], Transport, [Address])] = [
            (.outbound, outbound, .tcp, proxy), (.inbound, inbound, .tcp, proxy), (.dns, outbound, .udp, dns),
            (.dns, outbound, .tcp, dns),
        ]
        return wanted.compactMap { verdict, rules, transport, addresses in
            let isWanted = rules.contains { rule in
                rule.verdict == verdict
                    && (!rule.care.contains(.udp) || rule.want.contains(.udp) == (transport == .udp))
            }
            guard isWanted, let port = port(verdict) else { return nil }
            return ProxyTarget(verdict: verdict, transport: transport, port: port, addresses: addresses)
        }
    }
}

extension CompiledPolicy {
    /// The ports that anything can be sent to under this policy.
    public var targets: [ProxyTarget] {
        ProxyTarget.all(
            outbound: outboundRules.map { ($0.verdict, $0.care, $0.want) },
            inbound: inboundRules.map { ($0.verdict, $0.care, $0.want) }, proxy: [proxyAddress4, proxyAddress6],
            dns: [dnsAddress4 ?? proxyAddress4, dnsAddress6 ?? proxyAddress6], port: port(of:))
    }
}
