/// Turns a specification into what the kernel runs. Pure; its time grows with n log n of the lists.
public enum PolicyCompiler {
    /// - Throws: a sentence that names the setting, for what no policy can express.
    public static func compile(_ specification: PolicySpecification) throws(InvalidValue) -> CompiledPolicy {
        try PolicyLimits.check(specification)
        try check(specification)
        var sources = SourceList()
        let tables = FactTables(specification)
        let outbound = try RuleTable(.outbound, specification, available: tables.available, sources: &sources)
        let inbound = try RuleTable(.inbound, specification, available: tables.available, sources: &sources)
        let used = tables.restricted(to: outbound.facts, inbound.facts)
        try check(used.prefixes.count, "address ranges", limit: PolicyLimits.prefixes)
        try check(used.owners.count, "uids and gids", limit: PolicyLimits.owners)
        let ports = used.ports
        let verdicts = Set((outbound.rules + inbound.rules).map(\.verdict))
        let all = outbound.facts.union(inbound.facts)
        return CompiledPolicy(
            outboundRules: outbound.rules, inboundRules: inbound.rules,
            excludedPorts: ports.excluded, includedPorts: ports.included, inboundPorts: ports.inbound,
            prefixes: used.prefixes, owners: used.owners, interfaces: used.interfaces, userPorts: used.userPorts,
            outboundPort: verdicts.contains(.outbound) ? specification.outboundPort : nil,
            inboundPort: verdicts.contains(.inbound) ? specification.inboundPort : nil,
            dnsPort: verdicts.contains(.dns) ? specification.dnsPort : nil,
            tunnelPort: all.contains(.portTunnel) ? specification.tunnelPort : nil,
            proxyAddress4: specification.proxyAddress4, proxyAddress6: specification.proxyAddress6,
            dnsAddress4: verdicts.contains(.dns) ? specification.dnsAddress4 : nil,
            dnsAddress6: verdicts.contains(.dns) ? specification.dnsAddress6 : nil,
            proxyCgroup: all.contains(.proxyCgroup), interceptionMode: specification.interceptionMode,
            originFromSocketName: specification.originFromSocketName,
            mark: all.contains(.mark) ? specification.mark : 0,
            sources: sources.names)
    }

    private static func check(_ count: Int, _ what: String, limit: Int) throws(InvalidValue) {
        guard count > limit else { return }
        throw InvalidValue("a policy has \(count) \(what), and \(limit) at most are taken; shorten the lists")
    }

    private static func check(_ specification: PolicySpecification) throws(InvalidValue) {
        if specification.capturesDNS && specification.dnsPort == nil {
            throw InvalidValue(
                "\(specification.origin(of: .dns)): DNS is to be captured, but the proxy has no DNS port; "
                    + "set one, or turn dns off"
            )
        }
        guard specification.loopbackRange.isIPv4 else {
            throw InvalidValue(
                "\(specification.origin(of: .loopbackRange)): \(specification.loopbackRange) is not an IPv4 range")
        }
    }
}
