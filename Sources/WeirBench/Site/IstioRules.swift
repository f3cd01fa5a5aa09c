import WeirCore

/// The iptables rules that Istio's init container installs (istio/istio tools/istio-iptables, REDIRECT mode, everything
/// included), with the exclusions of a policy.
enum IstioRules {
    /// Puts them in force in a namespace, in place of what was in its nat table, for both families.
    static func apply(_ policy: PolicySpecification, netns: String) throws {
        for family in Family.allCases {
            let restore = family == .ipv4 ? "iptables-restore" : "ip6tables-restore"
            try System.run(["nsenter", "--net=\(netns)", restore], input: text(policy, family), package: "iptables")
        }
    }

    /// Why this node cannot; nil: it can.
    static func obstacle() -> String? {
        let missing = ["iptables-restore", "ip6tables-restore", "nsenter"].filter { System.find($0) == nil }
        return missing.isEmpty
            ? nil : "\(missing.joined(separator: ", ")) is not installed; install the packages iptables and util-linux"
    }

    static func text(_ policy: PolicySpecification, _ family: Family) -> String {
        let loopback = family == .ipv4 ? "127.0.0.1/32" : "::1/128"
        let passthrough = family == .ipv4 ? "127.0.0.6/32" : "::6/128"
        let outbound = policy.outboundPort ?? 15001
        let inbound = policy.inboundPort ?? 15006
        let tunnel = policy.tunnelPort ?? 15008
        var lines = ["*nat", ":PREROUTING ACCEPT", ":INPUT ACCEPT", ":OUTPUT ACCEPT", ":POSTROUTING ACCEPT"]
        lines += ["ISTIO_INBOUND", "ISTIO_REDIRECT", "ISTIO_IN_REDIRECT", "ISTIO_OUTPUT"].map { ":\($0) -" }
        lines += [
            "-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports \(outbound)",
            "-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports \(inbound)",
        ]
        if policy.inboundIncludePorts == .all {
            lines += [
                "-A PREROUTING -p tcp -j ISTIO_INBOUND", "-A ISTIO_INBOUND -p tcp --dport \(tunnel) -j RETURN",
            ]
            lines += ports(policy.inboundExcludePorts).map { "-A ISTIO_INBOUND -p tcp --dport \($0) -j RETURN" }
            lines.append("-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT")
        }
        lines.append("-A OUTPUT -j ISTIO_OUTPUT")
        lines += ports(policy.outboundExcludePorts).map { "-A ISTIO_OUTPUT -p tcp --dport \($0) -j RETURN" }
        lines.append("-A ISTIO_OUTPUT -o lo -s \(passthrough) -j RETURN")
        let owners =
            policy.proxyUIDs.map { "--uid-owner \($0)" } + policy.proxyGIDs.map { "--gid-owner \($0)" }
        for owner in owners {
            lines += [
                "-A ISTIO_OUTPUT -o lo ! -d \(loopback) -p tcp ! --dport \(tunnel) -m owner \(owner) -j ISTIO_IN_REDIRECT",
                "-A ISTIO_OUTPUT -o lo -m owner ! \(owner) -j RETURN",
                "-A ISTIO_OUTPUT -m owner \(owner) -j RETURN",
            ]
        }
        lines.append("-A ISTIO_OUTPUT -d \(loopback) -j RETURN")
        for range in policy.outboundExcludeRanges where range.isIPv4 == (family == .ipv4) {
            lines.append("-A ISTIO_OUTPUT -d \(range) -j RETURN")
        }
        return (lines + ["-A ISTIO_OUTPUT -j ISTIO_REDIRECT", "COMMIT", ""]).joined(separator: "\n")
    }

    private static func ports(_ ranges: [PortRange]) -> [String] {
        ranges.map { $0.first == $0.last ? "\($0.first)" : "\($0.first):\($0.last)" }
    }
}
