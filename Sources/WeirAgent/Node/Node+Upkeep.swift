import Logging
import WeirBPF
import WeirCore

/// What is done for workloads while the agent runs.
extension Node {
    func routesChanged(_ cookie: UInt64) async {
        readRoutes(of: cookie)
        await reconsiderMechanism(in: cookie)
    }

    private func readRoutes(of cookie: UInt64) {
        let present = workloads.values.filter { $0.resolved.cookie == cookie }
        ebpf?.synchronizeRoutes(cookie, present.filter { $0.choice.mechanism == .ebpf }.map(\.resolved.policy))
        noteExcess(cookie)
        for one in present { one.routing = routingRemark(on: one) }
    }

    /// Says once when a namespace has come to have more than its share.
    func noteExcess(_ cookie: UInt64) {
        let excess = ebpf?.limit(of: cookie)
        for present in workloads.values where present.resolved.cookie == cookie && present.excess != excess {
            present.excess = excess
            guard let excess else { continue }
            logger.warning(
                "a namespace has more than its share; not all of it is known",
                metadata: ["workload": "\(present.resolved.workload.name)", "reason": "\(excess)"])
        }
    }

    /// When this returns, nothing is put back or followed any more: whoever stopped the agent may be about to remove it
    /// all.
    func letBe() async {
        isLeftAlone = true
        await turnstile.pass {}
    }

    /// Follows selectors whose namespace or cgroup was made anew, puts back rules that somebody has removed or changed,
    /// and wakes writers of the short cut; called every few seconds.
    func refresh() async {
        let unread = ebpf?.unread ?? []
        await turnstile.pass {
            retryTakeOver()
            retirePredecessors()
            await followSelectors()
            await takeOverAbsent()
            for present in workloads.values { await restoreRules(of: present) }
            for cookie in unread { readRoutes(of: cookie) }
            ebpf?.wakeWriters()
            reap()
        }
        for cookie in unread { await reconsiderMechanism(in: cookie) }
    }

    /// Looks through all entries once a minute.
    private func reap() {
        upkeeps += 1
        guard upkeeps % 30 == 0, !keepsStrangers, !isLeftAlone else { return }
        do {
            try ebpf?.table.releasePolicies()
            try ebpf?.reap()
        } catch {
            logger.error("what namespaces left was not removed", metadata: ["error": "\(error)"])
        }
    }

    private func restoreRules(of present: NodeWorkload) async {
        guard let rules = present.rules, !isLeftAlone else { return }
        let name = present.resolved.workload.name
        do {
            guard try rules.findsChange(in: present.resolved.namespacePath) else { return }
            try await put(present.resolved, watching: true, anew: true)
            repairs[.rules, default: 0] += 1
            logger.warning(
                "somebody has removed or changed the nftables rules; they are back", metadata: ["workload": "\(name)"])
        } catch {
            present.lostRules = "its nftables rules were removed or changed, and cannot be put back: \(error)"
            logger.error("nftables rules not put back", metadata: ["workload": "\(name)", "error": "\(error)"])
        }
    }

    private func followSelectors() async {
        // One that was let go is looked up anew: the kernel gives a new namespace the inode number of an old one.
        for present in workloads.values
        where present.resolved.held == nil && (present.problem != nil || !present.isCurrent) && !isLeftAlone {
            do {
                // Its socket would hold the old namespace.
                present.rules = nil
                if present.resolved.isPod { try ebpf?.letGo(of: present.resolved.cookie) }
                try await put(try ResolvedWorkload(present.workload), watching: true)
            } catch {
                if present.problem == nil {
                    logger.warning(
                        "workload is gone",
                        metadata: ["workload": "\(present.resolved.workload.name)", "error": "\(error)"])
                }
                present.problem = "\(error)"
            }
        }
    }
}
