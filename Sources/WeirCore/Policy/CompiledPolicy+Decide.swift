extension CompiledPolicy {
    /// Decides as the kernel's decide() does: collect the facts, take the first rule that fits.
    public func decide(_ attempt: Attempt) -> Decision {
        let facts = facts(of: attempt)
        for (index, rule) in rules(attempt.direction).enumerated() where rule.fits(facts) {
            return Decision(
                verdict: rule.verdict, reason: rule.reason, rule: index, source: sources[Int(rule.source)])
        }
        return Decision(verdict: .direct, reason: .noPolicy, rule: 0, source: "")
    }

    /// What is known of an attempt under this policy.
    public func facts(of attempt: Attempt) -> Facts {
        var facts = portFacts(attempt.port)
        if attempt.transport == .udp { facts.insert(.udp) }
        if !attempt.destination.isIPv4 { facts.insert(.ipv6) }
        facts.formUnion(interfaceFacts(attempt))
        switch attempt.direction {
        case .outbound: facts.formUnion(outboundFacts(attempt))
        case .inbound:
            if let source = attempt.source { facts.formUnion(prefixFacts(.inbound, source)) }
        }
        return facts
    }

    private func portFacts(_ port: UInt16) -> Facts {
        var facts: Facts = []
        if excludedPorts.contains(port) { facts.insert(.portExcluded) }
        if includedPorts.contains(port) { facts.insert(.portIncluded) }
        if inboundPorts.contains(port) { facts.insert(.portInbound) }
        if port == 53 { facts.insert(.portDNS) }
        if port == tunnelPort { facts.insert(.portTunnel) }
        return facts
    }

    private func outboundFacts(_ attempt: Attempt) -> Facts {
        var facts = prefixFacts(.outbound, attempt.destination)
        if attempt.isLocal { facts.insert(.local) }
        if attempt.source?.isPassthroughSource == true { facts.insert(.passthroughSource) }
        if attempt.isByProxyCgroup && proxyCgroup { facts.insert(.proxyCgroup) }
        if mark != 0 && attempt.mark == mark { facts.insert(.mark) }
        for owner in owners where owner.id == (owner.kind == .uid ? attempt.uid : attempt.gid) {
            facts.formUnion(owner.facts)
        }
        if userPorts.contains(where: { $0.contains(attempt.transport, user: attempt.uid, port: attempt.port) }) {
            facts.insert(.uidPort)
        }
        return facts
    }

    /// The first interface that matches counts. Inbound destinations in its network, or else in the policy's ranges,
    /// are in the included range.
    private func interfaceFacts(_ attempt: Attempt) -> Facts {
        guard let name = attempt.interface else { return [] }
        let destination = attempt.destination
        let found = interfaces.first { entry in
            entry.matches(name) && (entry.network.map { $0.isIPv4 == destination.isIPv4 } ?? true)
        }
        guard let found else { return [] }
        guard attempt.direction == .inbound, found.facts.contains(.interfaceVirtual) else { return found.facts }
        if let network = found.network {
            return network.contains(destination) ? found.facts.union(.rangeIncluded) : found.facts
        }
        return found.facts.union(prefixFacts(.outbound, destination).intersection(.rangeIncluded))
    }

    private func prefixFacts(_ direction: Direction, _ address: Address) -> Facts {
        prefixes.lazy.filter { $0.direction == direction && $0.range.covers(address) }
            .max { $0.range.length < $1.range.length }?.facts ?? []
    }
}

extension CIDR {
    /// Whether the first bits agree, as a trie over 16-byte addresses sees it: ::/0 covers IPv4 too.
    fileprivate func covers(_ other: Address) -> Bool {
        other.masked(to: length) == address
    }
}
