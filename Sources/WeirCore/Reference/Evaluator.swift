/// A reference for tests: decides from the specification alone, written from the decision tables of
/// `../shared/oracle/README.md` row by row, and not from compiled rules.
public struct Evaluator: Sendable {
    let specification: PolicySpecification

    public init(_ specification: PolicySpecification) {
        self.specification = specification
    }

    /// - Returns: nil for a dialect that it has no table for.
    public func verdict(_ attempt: Attempt) -> Verdict? {
        let isCaptured = attempt.destination.isIPv4 ? specification.capturesIPv4 : specification.capturesIPv6
        if !isCaptured { return .direct }
        var attempt = attempt
        // connect() takes 0.0.0.0 and :: for loopback.
        if attempt.direction == .outbound && attempt.destination == .any4 { attempt.destination = .loopback4 }
        if attempt.direction == .outbound && attempt.destination == .any6 { attempt.destination = .loopback6 }
        switch (specification.dialect.name, attempt.direction) {
        case ("istio", .outbound): return istioOutbound(attempt)
        case ("istio", .inbound): return istioInbound(attempt)
        case ("linkerd", .outbound): return linkerdOutbound(attempt)
        case ("linkerd", .inbound): return linkerdInbound(attempt)
        case ("kuma", .outbound): return kumaOutbound(attempt)
        case ("kuma", .inbound): return kumaInbound(attempt)
        case ("osm", .outbound): return osmOutbound(attempt)
        case ("osm", .inbound): return osmInbound(attempt)
        case ("custom", .outbound): return customOutbound(attempt)
        case ("custom", .inbound): return customInbound(attempt)
        default: return nil
        }
    }

    // MARK: - What the tables' conditions mean

    func isTCP(_ attempt: Attempt) -> Bool { attempt.transport == .tcp }

    /// "mine" for any of the proxy's identities.
    func isProxy(_ attempt: Attempt) -> Bool {
        specification.proxyUIDs.contains(attempt.uid) || specification.proxyGIDs.contains(attempt.gid)
            || specification.proxyCgroup && attempt.isByProxyCgroup
    }

    func isLoopbackRange(_ attempt: Attempt) -> Bool {
        attempt.destination == .loopback6 || specification.loopbackRange.contains(attempt.destination)
    }

    func comesFromSix(_ attempt: Attempt) -> Bool {
        guard let source = attempt.source else { return false }
        return source == Address(ipv4: 0x7f00_0006) || source == Address(high: 0, low: 6)
    }

    func isIn(_ ranges: [CIDR], _ address: Address) -> Bool { ranges.contains { $0.contains(address) } }

    func isIn(_ ranges: [PortRange], _ port: UInt16) -> Bool { ranges.contains { $0.contains(port) } }

    var dnsIsCaptured: Bool {
        switch specification.dns {
        case .off: false
        case .all: true
        case .servers(let servers): !servers.isEmpty
        }
    }

    /// Whether the proxy listens for DNS of the attempt's family.
    func hasResolver(_ attempt: Attempt) -> Bool {
        let address = attempt.destination.isIPv4 ? specification.dnsAddress4 : specification.dnsAddress6
        return address?.isUnspecified != true
    }

    /// All DNS, or to a listed server.
    func isCapturedServer(_ attempt: Attempt) -> Bool {
        guard hasResolver(attempt) else { return false }
        return switch specification.dns {
        case .off: false
        case .all: true
        case .servers(let servers): servers.contains(attempt.destination)
        }
    }

    /// `"*"` and not excluded; or in the list, and then exclusions mean nothing.
    func passesPortTest(_ port: UInt16) -> Bool {
        switch specification.inboundIncludePorts {
        case .all: !isIn(specification.inboundExcludePorts, port)
        case .listed(let ports): isIn(ports, port)
        }
    }

    /// To an included range, or `"*"`.
    func isIncludedRange(_ address: Address) -> Bool {
        switch specification.outboundIncludeRanges {
        case .all: true
        case .listed(let ranges): isIn(ranges, address)
        }
    }

    var aLoopbackRangeIsIncluded: Bool {
        guard case .listed(let ranges) = specification.outboundIncludeRanges else { return false }
        return ranges.contains { range in
            range.address == .loopback6 || range.address.ipv4.map { $0 >> 24 == 127 } ?? false
        }
    }

    func isOn(_ names: [String], _ attempt: Attempt) -> Bool {
        guard let interface = attempt.interface else { return false }
        return names.contains { name in
            name.last == "+" ? interface.hasPrefix(name.dropLast()) : interface == name
        }
    }
}
