import WeirCore

extension RulesetWriter {
    /// What nft does for a verdict, and the match that it needs before it.
    func action(
        _ verdict: Verdict, _ direction: Direction, _ transport: Transport, _ family: Family
    ) throws(InvalidValue) -> (match: String, statement: String) {
        switch verdict {
        case .direct: return ("", "accept")
        case .inbound where isTransparent && transport == .tcp:
            // Not rewritten: the chain `delivery` hands it over when it comes in.
            return ("", "ct mark set \(inboundMark) accept")
        case .outbound, .inbound, .dns, .fallback: break
        case .refuse: throw InvalidValue("nftables cannot express the verdict \(verdict.word)")
        }
        guard let port = port(of: verdict) else {
            throw InvalidValue("the verdict \(verdict.word) has no port; give the policy one")
        }
        // The zone was chosen for this very packet, so the two chains cannot disagree while the policy changes.
        let zone = transport == .udp && direction == .outbound && isZoned(family) ? "ct zone \(Ruleset.zone) " : ""
        let target = target(verdict, family)
        let match = "\(zone)meta l4proto \(transport == .tcp ? "tcp" : "udp") "
        // REDIRECT goes to 127.0.0.1 or ::1 in the output hook, and to the interface's own address in prerouting,
        // where the loopback address cannot be reached.
        if direction == .inbound ? target.isLoopback : target == .loopback4 || target == .loopback6 {
            return (match, "redirect to :\(port)")
        }
        return (match, "dnat \(family.word) to \(Endpoint(address: target, port: port))")
    }

    private func port(of verdict: Verdict) -> UInt16? {
        if verdict == .fallback, case .fallback(let port) = options.withoutProxy { return port }
        return policy.port(of: verdict)
    }

    /// Where the proxy listens.
    private func target(_ verdict: Verdict, _ family: Family) -> Address {
        let loopback: Address = family == .ipv4 ? .loopback4 : .loopback6
        switch verdict {
        case .fallback: return loopback
        case .dns: return (family == .ipv4 ? policy.dnsAddress4 : policy.dnsAddress6) ?? target(.outbound, family)
        default: return family == .ipv4 ? policy.proxyAddress4 : policy.proxyAddress6
        }
    }

    /// Whether captured DNS of the family has a conntrack zone of its own. Answers that come from elsewhere than the
    /// namespace itself could not be told from those to others.
    private func isZoned(_ family: Family) -> Bool { target(.dns, family).isLoopback }

    /// The rules that can capture UDP.
    private func captureOfUDP(_ direction: Direction) -> [Rule] {
        var found: [Rule] = []
        for rule in policy.rules(direction) where !rule.care.contains(.udp) || rule.want.contains(.udp) {
            if rule.verdict != .direct { found.append(rule) }
            if rule.care.subtracting(.udp) == [] { break }
        }
        return found
    }

    /// The one port at which UDP may be captured; nil for any.
    func udpPort(_ direction: Direction) -> UInt16? {
        captureOfUDP(direction).allSatisfy { $0.want.contains(.portDNS) } ? 53 : nil
    }

    /// What lets everything pass that cannot be captured UDP; nil: there is none.
    func gate(_ direction: Direction) -> [String]? {
        if captureOfUDP(direction).isEmpty || policy.dnsPort == nil { return nil }
        return ["meta l4proto != udp accept"] + (udpPort(direction).map { ["udp dport != \($0) accept"] } ?? [])
    }

    /// Puts captured queries into their own conntrack zone, before connection tracking sees them.
    func queries() throws(InvalidValue) -> [String]? {
        guard let gate = gate(.outbound), Family.allCases.contains(where: isZoned) else { return nil }
        let decisions = try rules(.outbound, .udp) { (rule, family) throws(InvalidValue) in
            rule.verdict != .direct && isZoned(family) ? Self.setZone : "accept"
        }
        return gate + decisions.lines
    }

    /// What the namespace answers itself on captured queries is in their zone: answers, and that nobody takes them.
    /// The latter quotes the query's headers (RFC 792, RFC 4443); those with options or extension headers are not
    /// looked for.
    var answersInZone: [String] {
        guard let port = policy.dnsPort else { return [] }
        return Family.allCases.filter(isZoned).flatMap { family in
            let ours = "oif \"lo\" \(family.word) saddr \(target(.dns, family))"
            let refusal =
                family == .ipv4
                ? "icmp type destination-unreachable @th,136,8 17 @th,240,16"
                : "icmpv6 type destination-unreachable @th,112,8 17 @th,400,16"
            return ["\(ours) udp sport \(port) \(Self.setZone)", "\(ours) \(refusal) \(port) \(Self.setZone)"]
        }
    }

    private static let setZone = "ct zone set \(Ruleset.zone) accept"

    var invalid: [String]? {
        options.dropInvalid && options.workloadCgroup == nil ? ["ct state invalid drop"] : nil
    }

    /// TPROXY mode: what answers a connection that the proxy opened from its client's address is for the proxy.
    var answers: [String]? {
        transparent.isEmpty ? nil : ["meta l4proto tcp ct direction reply ct mark \(mark) meta mark set \(mark)"]
    }

    /// TPROXY mode: packets of what was decided to go to the proxy's inbound port are handed to its listener, or to
    /// the socket that came of it (nf_tproxy_get_sock_v4 looks for that first). The mark makes them this namespace's
    /// own whatever their address. A proxy that does not listen gets nothing, and nobody else does.
    var delivery: [String]? {
        guard let port = policy.inboundPort, !transparent.isEmpty else { return nil }
        let ours = "meta l4proto tcp ct direction original ct mark \(inboundMark)"
        // Beside BPF programs accepted sockets take their SYN's mark (tcp_fwmark_accept), and what the proxy answers
        // would stay in the namespace. What comes in for the namespace itself needs none.
        let marking = options.takesInbound ? "" : "meta mark set \(mark) "
        return [
            "\(ours) \(marking)tproxy to :\(port) accept",
            "\(ours) ct state new drop",
        ]
    }
}
