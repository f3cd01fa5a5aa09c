extension Evaluator {
    // MARK: - Linkerd

    func linkerdOutbound(_ attempt: Attempt) -> Verdict {
        guard isTCP(attempt) else { return .direct }
        if isProxy(attempt) || attempt.isLocal { return .direct }
        return isIn(specification.outboundExcludePorts, attempt.port) ? .direct : .outbound
    }

    func linkerdInbound(_ attempt: Attempt) -> Verdict {
        guard isTCP(attempt) else { return .direct }
        if isIn(specification.inboundExcludePorts, attempt.port) { return .direct }
        if let source = attempt.source, isIn(specification.inboundExcludeSources, source) { return .direct }
        if case .listed(let ports) = specification.inboundIncludePorts, !isIn(ports, attempt.port) { return .direct }
        return .inbound
    }

    // MARK: - Kuma

    func kumaOutbound(_ attempt: Attempt) -> Verdict {
        let isExcluded = specification.outboundExcludePortsForUIDs.contains { entry in
            entry.transports.contains(attempt.transport) && entry.users.contains(attempt.uid)
                && isIn(entry.ports, attempt.port)
        }
        // 1 and 2
        if isExcluded || isIn(specification.outboundExcludeRanges, attempt.destination) { return .direct }
        // 3
        if dnsIsCaptured && attempt.port == 53 {
            if isTCP(attempt) {
                if !isProxy(attempt) { return .direct }
            } else {
                return !isProxy(attempt) && isCapturedServer(attempt) ? .dns : .direct
            }
        }
        // UDP has no other way than direct.
        guard isTCP(attempt) else { return .direct }
        // 4 and 5
        if !specification.outboundEnabled { return .direct }
        let included = specification.outboundIncludePorts
        if included.isEmpty && isIn(specification.outboundExcludePorts, attempt.port) { return .direct }
        // 6
        if attempt.isLocal {
            if comesFromSix(attempt) { return .direct }
            let isLoopbackItself = attempt.destination == .loopback4 || attempt.destination == .loopback6
            return isProxy(attempt) && !isLoopbackItself ? .inbound : .direct
        }
        // 7 to 9
        if isProxy(attempt) { return .direct }
        if !included.isEmpty && !isIn(included, attempt.port) { return .direct }
        return .outbound
    }

    func kumaInbound(_ attempt: Attempt) -> Verdict {
        for virtual in specification.virtualInterfaces where isOn([virtual.name], attempt) {
            guard let network = virtual.network, network.isIPv4 == attempt.destination.isIPv4 else { continue }
            if !isTCP(attempt) && attempt.port == 53 && hasResolver(attempt) { return .dns }
            if isTCP(attempt) && !network.contains(attempt.destination) { return .outbound }
            break
        }
        guard isTCP(attempt), specification.inboundEnabled else { return .direct }
        if let source = attempt.source, isIn(specification.inboundExcludeSources, source) { return .direct }
        return passesPortTest(attempt.port) ? .inbound : .direct
    }

    // MARK: - Open Service Mesh: its iptables rules in their order

    func osmOutbound(_ attempt: Attempt) -> Verdict {
        guard isTCP(attempt) else { return .direct }
        if attempt.isLocal && !isLoopbackRange(attempt) && isProxy(attempt) { return .inbound }
        if attempt.isLocal || isProxy(attempt) { return .direct }
        if isIn(specification.outboundExcludeRanges, attempt.destination) { return .direct }
        if isIn(specification.outboundExcludePorts, attempt.port) { return .direct }
        return isIncludedRange(attempt.destination) ? .outbound : .direct
    }

    func osmInbound(_ attempt: Attempt) -> Verdict {
        isTCP(attempt) && passesPortTest(attempt.port) ? .inbound : .direct
    }

    // MARK: - Any proxy

    func customOutbound(_ attempt: Attempt) -> Verdict {
        guard specification.outboundEnabled else { return .direct }
        if isOn(specification.excludeInterfaces, attempt) { return .direct }
        if isIn(specification.outboundExcludePorts, attempt.port) { return .direct }
        if attempt.isLocal && comesFromSix(attempt) { return .direct }
        if isProxy(attempt) {
            let isInbound =
                isTCP(attempt) && attempt.isLocal && !isLoopbackRange(attempt)
                && attempt.port != specification.tunnelPort && specification.inboundEnabled
            return isInbound ? captured(.inbound) : .direct
        }
        if attempt.port == 53 && isCapturedServer(attempt) { return captured(.dns) }
        if !isTCP(attempt) || attempt.isLocal && !aLoopbackRangeIsIncluded { return .direct }
        if isIn(specification.outboundExcludeRanges, attempt.destination) { return .direct }
        let isIncluded =
            isIn(specification.outboundIncludePorts, attempt.port) || isIncludedRange(attempt.destination)
        return isIncluded ? captured(.outbound) : .direct
    }

    func customInbound(_ attempt: Attempt) -> Verdict {
        guard specification.inboundEnabled, isTCP(attempt) else { return .direct }
        if isOn(specification.excludeInterfaces, attempt) { return .direct }
        if let source = attempt.source, isIn(specification.inboundExcludeSources, source) { return .direct }
        if attempt.port == specification.tunnelPort { return .direct }
        if isIn(specification.inboundExcludePorts, attempt.port) { return .direct }
        if case .listed(let ports) = specification.inboundIncludePorts, !isIn(ports, attempt.port) { return .direct }
        return captured(.inbound)
    }

    /// Direct where the proxy has no such port.
    private func captured(_ verdict: Verdict) -> Verdict {
        let port: UInt16? =
            switch verdict {
            case .outbound: specification.outboundPort
            case .inbound: specification.inboundPort
            default: specification.dnsPort
            }
        return port == nil ? .direct : verdict
    }
}
