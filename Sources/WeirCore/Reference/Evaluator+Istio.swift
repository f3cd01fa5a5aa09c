extension Evaluator {
    func istioOutbound(_ attempt: Attempt) -> Verdict {
        guard specification.outboundEnabled else { return .direct }
        let verdict = istioTable(attempt)
        // "In TPROXY mode, what the table leaves direct and is ..."
        if verdict == .direct, specification.interceptionMode == .tproxy, isTCP(attempt), attempt.isLocal,
            !isLoopbackRange(attempt), isProxy(attempt), attempt.mark != 1337, !comesFromSix(attempt),
            passesPortTest(attempt.port)
        {
            return .inbound
        }
        return verdict
    }

    private func istioTable(_ attempt: Attempt) -> Verdict {
        // 1 to 3
        if isOn(specification.excludeInterfaces, attempt) { return .direct }
        if isIn(specification.outboundExcludePorts, attempt.port) { return .direct }
        if attempt.isLocal && comesFromSix(attempt) { return .direct }
        // 4a-c, 5a-c
        if let verdict = istioIdentities(attempt) { return verdict }
        // 6
        if specification.ownerGroupsExclude.contains(attempt.gid) { return .direct }
        if case .listed(let groups) = specification.ownerGroupsInclude, !groups.contains(attempt.gid) { return .direct }
        // 7
        if attempt.port == 53 && isCapturedServer(attempt) { return .dns }
        // 8 and 9
        if isLoopbackRange(attempt) { return .direct }
        if isIn(specification.outboundExcludeRanges, attempt.destination) { return .direct }
        // 10 and 11
        if isTCP(attempt),
            isIn(specification.outboundIncludePorts, attempt.port) || isIncludedRange(attempt.destination)
        {
            return .outbound
        }
        return .direct
    }

    private func istioIdentities(_ attempt: Attempt) -> Verdict? {
        for identity in identities {
            let mine = identity.isMine(attempt)
            if mine, isTCP(attempt), attempt.isLocal, !isLoopbackRange(attempt),
                attempt.port != specification.tunnelPort,
                !(identity.isUser && dnsIsCaptured && attempt.port == 53)
            {
                return .inbound
            }
            if !mine, attempt.isLocal, !aLoopbackRangeIsIncluded {
                if !dnsIsCaptured { return .direct }
                if isTCP(attempt) && attempt.port != 53 { return .direct }
            }
            if mine { return .direct }
        }
        return nil
    }

    private struct Identity {
        let isUser: Bool
        let isMine: (Attempt) -> Bool
    }

    /// Uids in order, then gids. A proxy's cgroup goes with the first uid.
    private var identities: [Identity] {
        let cgroup = specification.proxyCgroup
        var result: [Identity] = specification.proxyUIDs.enumerated().map { index, uid in
            Identity(isUser: true) { $0.uid == uid || index == 0 && cgroup && $0.isByProxyCgroup }
        }
        if result.isEmpty && cgroup { result.append(Identity(isUser: true) { $0.isByProxyCgroup }) }
        return result + specification.proxyGIDs.map { gid in Identity(isUser: false) { $0.gid == gid } }
    }

    func istioInbound(_ attempt: Attempt) -> Verdict {
        guard specification.inboundEnabled, isTCP(attempt) else { return .direct }
        // 1
        if isOn(specification.excludeInterfaces, attempt) { return .direct }
        // 2
        let isTPROXY = specification.interceptionMode == .tproxy
        if isTPROXY && passesPortTest(attempt.port) { return .inbound }
        // 3
        if isOn(specification.virtualInterfaces.map(\.name), attempt) {
            return isIncludedRange(attempt.destination) ? .outbound : .direct
        }
        // 4 to 6
        if attempt.port == specification.tunnelPort { return .direct }
        if !isTPROXY && passesPortTest(attempt.port) { return .inbound }
        return .direct
    }
}
