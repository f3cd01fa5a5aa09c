import Logging
import WeirBPF
import WeirCore

/// Whether the workloads' proxies listen where connections are sent to.
extension Node {
    /// What one round may take, a hundredth of a processor; the next one goes on with the others. Some 25 are looked at in
    /// that time.
    private static let patience = Duration.milliseconds(20)

    /// Looks at those that were not looked at for the longest; called every two seconds. A thread of its own does, because
    /// the kernel's tables may be long.
    func lookAtProxies() async {
        guard !isLeftAlone else { return }
        let maps = interceptor?.maps
        let wanted = workloads.values.filter { $0.problem == nil }
            .sorted { ($0.lookedAt.map { (1, $0) } ?? (0, .now)) < ($1.lookedAt.map { (1, $0) } ?? (0, .now)) }
            .map { (resolved: $0.resolved, isSteered: $0.choice.mechanism == .ebpf && $0.resolved.isPod) }
        let seen = try? await looks.run { () -> [(ResolvedWorkload, ProxyHealth)] in
            let end = ContinuousClock.now + Self.patience
            var seen: [(ResolvedWorkload, ProxyHealth)] = []
            for (one, isSteered) in wanted where ContinuousClock.now < end {
                guard let namespace = try? NetworkNamespace(path: one.namespacePath), namespace.cookie == one.cookie,
                    let ports = try? ProxyPort.look(
                        at: one.policy.targets, in: namespace, steeredBy: isSteered ? maps : nil)
                else { continue }
                seen.append((one, ProxyHealth(ports: ports, whenProxyDown: one.workload.whenProxyDown.word)))
            }
            return seen
        }
        for (one, health) in seen ?? [] { await note(health, of: one) }
    }

    private func note(_ health: ProxyHealth, of resolved: ResolvedWorkload) async {
        guard let looked = workloads[resolved.identifier], looked.resolved.key == resolved.key, !isLeftAlone
        else { return }
        looked.lookedAt = .now
        if looked.choice.mechanism == .ebpf, resolved.isPod { await decideWhoSteers(looked, health) }
        guard let present = workloads[resolved.identifier], present.resolved.key == resolved.key else { return }
        let name = resolved.workload.name
        let new = present.hasInboundRules ? health.withRules : health
        let old = present.proxyHealth
        present.proxyHealth = new
        guard new != old else { return }
        let (before, now) = (old?.faults ?? [], new.faults)
        for fault in now where !before.contains(fault) {
            // Its containers may be starting.
            logger.log(
                level: old == nil ? .info : .warning, "proxy does not take connections",
                metadata: ["workload": "\(name)", "what": "\(fault)"])
        }
        if now.isEmpty && !before.isEmpty { logger.info("proxy listens again", metadata: ["workload": "\(name)"]) }
    }

    /// Has nftables rules take inbound connections where the programs cannot, and the programs again where they can. A
    /// socket may have begun to listen between two looks of one round, so it is seen twice.
    private func decideWhoSteers(_ present: NodeWorkload, _ health: ProxyHealth) async {
        let inbound = health.ports.filter { $0.use == .inbound }
        let isUnsteerable = inbound.contains { $0.state == .notSteerable }
        try? ebpf?.table.setSteerable(!isUnsteerable, for: present.resolved.key)
        // While nobody listens at all, rules refuse as well as programs, and know no other way.
        let mayStay =
            present.hasInboundRules && present.resolved.workload.whenProxyDown == .refuse
            && inbound.allSatisfy { $0.state == .down }
        guard isUnsteerable != present.hasInboundRules, !mayStay, present.whyNoInboundRules == nil else {
            return present.seenOtherwise = 0
        }
        present.seenOtherwise += 1
        // Who changes between the two without an end waits longer each time: nft is run for it.
        guard present.seenOtherwise > 1 << min(present.switches, 7) else { return }
        present.switches += 1
        await turnstile.pass {
            guard workloads[present.resolved.identifier] === present, !isLeftAlone else { return }
            do {
                try await put(present.resolved, watching: true, anew: true)
            } catch {
                logger.error(
                    "inbound connections cannot be given to other rules",
                    metadata: ["workload": "\(present.resolved.workload.name)", "error": "\(error)"])
            }
        }
    }

    /// Puts rules in force that take inbound connections, and has the programs leave those alone.
    /// - Returns: whether there are rules now. Without them, connections from outside are refused.
    func takeInbound(_ workload: NodeWorkload, _ ebpf: EBPFMechanism, anew: Bool) throws -> Bool {
        let resolved = workload.resolved
        do {
            try namespaces.applyForwarded(resolved, takingInbound: true, anew: anew)
        } catch {
            if resolved.needsRules { throw error }
            workload.whyNoInboundRules = "\(error)"
            logger.error(
                "inbound connections are refused: the kernel cannot steer them to the proxy, and nftables cannot take them",
                metadata: ["workload": "\(resolved.workload.name)", "error": "\(error)"])
            return false
        }
        try ebpf.table.setInboundRules(true, for: resolved.key)
        workload.hasInboundRules = true
        logger.warning(
            "nftables takes inbound connections: the kernel cannot steer them to the proxy's listener, as with MPTCP",
            metadata: ["workload": "\(resolved.workload.name)"])
        return true
    }

    /// What was last seen, by workload.
    func reportProxies() -> [(workload: String, health: ProxyHealth)] {
        workloads.values.compactMap { one in
            one.proxyHealth.map { (one.resolved.workload.name, $0) }
        }.sorted { $0.workload < $1.workload }
    }
}

extension ProxyHealth {
    /// What programs cannot steer, rules take.
    fileprivate var withRules: ProxyHealth {
        ProxyHealth(
            ports: ports.map { port in
                var port = port
                if port.state == .notSteerable { port.state = .listening }
                return port
            }, whenProxyDown: whenProxyDown)
    }
}
