import Logging
import WeirBPF
import WeirCore

/// Pods come one by one, beside the workloads of the file.
extension Node {
    /// Registers a pod, or gives it another policy. When this returns, the kernel decides its connections by it.
    /// - Parameter resolved: compiled by whoever calls, because others wait while this is done.
    /// - Parameter isEmpty: whether nothing runs in it yet.
    func putPod(_ resolved: ResolvedWorkload, isEmpty: Bool) async throws {
        try await turnstile.pass { try await enter(resolved, isEmpty: isEmpty) }
    }

    private func enter(_ resolved: ResolvedWorkload, isEmpty: Bool) async throws {
        let other = workloads.values.first {
            $0.resolved.key == resolved.key && $0.resolved.identifier != resolved.identifier
        }
        if let other {
            throw InvalidValue(
                "its network namespace is that of the workload \(other.resolved.workload.name) already; "
                    + "select it once")
        }
        try require(choice(of: resolved, configuration).mechanism, for: resolved)
        // Its earlier policy goes, and no other pod waits for that.
        defer { try? ebpf?.table.releasePolicies() }
        try await put(resolved, watching: true, isEmpty: isEmpty)
    }

    /// Forgets a pod and lets go of its namespace.
    func removePod(uid: String) async {
        await turnstile.pass {
            guard let gone = workloads[.pod(uid: uid)] else { return }
            remove(gone)
            do {
                try forgetUnused()
            } catch {
                logger.error("what a pod left was not removed", metadata: ["pod": "\(uid)", "error": "\(error)"])
            }
        }
    }

    /// Keeps what an earlier agent registered until `podsAreKnown`.
    func awaitPods() { keepsStrangers = true }

    /// From now on, what is in force and in no list of the agent's is removed.
    func podsAreKnown() async {
        await turnstile.pass {
            guard keepsStrangers else { return }
            keepsStrangers = false
            settle()
        }
    }

    /// Everything is registered: what another version or an earlier agent has in force may go.
    func settle() {
        do {
            try takeOver()
            try removeStrangers(keeping: workloads.values.map(\.resolved), saying: .notice)
            try forgetUnused()
            try ebpf?.reap()
        } catch {
            guard unsettled != "\(error)" else { return }
            unsettled = "\(error)"
            logger.error("what an earlier agent left stays in force", metadata: ["error": "\(error)"])
        }
    }
}
