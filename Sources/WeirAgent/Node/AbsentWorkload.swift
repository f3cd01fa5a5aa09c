import Glibc
import Logging
import WeirBPF
import WeirCore

/// A configured workload whose namespace, cgroup or unit is not there, or not yet. It holds up nobody else, and is
/// taken over when it comes.
struct AbsentWorkload {
    let workload: Workload
    /// Why it cannot be found; one sentence.
    var reason: String
    /// Seconds since 1970.
    let since: Double

    private init(_ workload: Workload, reason: String) {
        self.workload = workload
        self.reason = reason
        since = Double(time(nil))
    }

    /// - Returns: nil when what failed is not that something is not there.
    init?(_ workload: Workload, _ error: any Error) {
        guard let error = error as? BPFError else { return nil }
        switch error.code {
        case ENOENT, ENOTDIR, ESRCH: self.init(workload, reason: "\(error)")
        // `ip netns add` makes an empty file and then mounts the namespace on it.
        case EINVAL where Self.isEmptyFile(workload.selector): self.init(workload, reason: "\(error)")
        default: return nil
        }
    }

    private static func isEmptyFile(_ selector: Selector) -> Bool {
        guard case .netns(let path) = selector else { return false }
        var information = stat()
        return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFREG && information.st_size == 0
    }

    var status: AgentStatus.Absent {
        AgentStatus.Absent(
            name: workload.name, selector: "\(workload.selector)", mesh: workload.mesh ?? "custom",
            whenProxyDown: workload.whenProxyDown.word, reason: reason, since: since)
    }
}

extension Node {
    /// What is said of the workloads that are not there.
    func reportAbsent() -> [AgentStatus.Absent] {
        absent.values.map(\.status).sorted { $0.name < $1.name }
    }

    /// What of the configuration is not in force, a sentence each. Pods are not among it: what is in their namespaces,
    /// they may change.
    func reportMissing() -> [String] {
        let gone = workloads.values.filter { $0.resolved.held == nil }.compactMap { one in
            (one.problem ?? one.lostRules).map { "workload \(one.resolved.workload.name): \($0)" }
        }
        return (gone + absent.values.map { "workload \($0.workload.name) is not there: \($0.reason)" }).sorted()
    }

    func note(absent new: [AbsentWorkload]) {
        for one in new where absent[one.workload.name] == nil {
            logger.warning(
                "workload is not there; it is intercepted as soon as it is",
                metadata: ["workload": "\(one.workload.name)", "error": "\(one.reason)"])
        }
        // One that was known goes on being absent since then.
        let known = absent
        absent = Dictionary(
            new.map { one in
                guard var old = known[one.workload.name], old.workload == one.workload else {
                    return (one.workload.name, one)
                }
                old.reason = one.reason
                return (one.workload.name, old)
            }, uniquingKeysWith: { $1 })
    }

    /// Takes over those that have come; called every few seconds.
    func takeOverAbsent() async {
        for (name, one) in absent where !isLeftAlone {
            do {
                let resolved = try ResolvedWorkload(one.workload)
                try require(choice(of: resolved, configuration).mechanism, for: resolved)
                if let clash = Self.clashes(workloads.values.map(\.resolved) + [resolved]).first {
                    throw InvalidValue(clash)
                }
                try await put(resolved, watching: true)
                absent[name] = nil
            } catch {
                absent[name]?.reason = "\(error)"
            }
        }
    }
}
