import WeirBPF
import WeirCore

/// One look for proxies whose own connections come back to them.
struct LoopLook: Sendable {
    struct Finding: Sendable {
        let workload: String
        let sentence: String
        /// Connections and queries that the programs have refused since the look before.
        let refused: UInt64
    }

    private(set) var findings: [Finding] = []
    /// What the programs have refused in all, by the workload's id.
    private(set) var refused: [UInt32: UInt64] = [:]

    /// - Parameter earlier: the look before; nil: what was refused until now is nothing new.
    init(_ installed: Installed, after earlier: LoopLook?) throws {
        if let interceptor = installed.interceptor { try lookAtPrograms(interceptor, earlier) }
        for noted in try installed.ruled() { try? lookAtRules(noted) }
    }

    private mutating func lookAtPrograms(_ interceptor: Interceptor, _ earlier: LoopLook?) throws {
        for row in try interceptor.maps.readCounters() where row.reason == .loop {
            refused[row.workload, default: 0] += row.connections
        }
        guard let earlier else { return }
        let new = refused.filter { $0.value > earlier.refused[$0.key] ?? 0 }
        if new.isEmpty { return }
        let all = try WorkloadTable.read(interceptor.maps)
        let paths = NetworkNamespace.paths()
        for one in all where !one.isProxy {
            guard let count = new[one.id] else { continue }
            var unknown: UnknownProxy?
            if let namespace = one.namespace(among: paths) {
                let proxies = one.proxies(among: all)
                unknown = try UnknownProxy.find(one, proxies: proxies, interceptor, in: namespace).first
            }
            findings.append(
                Finding(
                    workload: one.name, sentence: unknown?.sentence ?? Reason.loop.sentence,
                    refused: count - (earlier.refused[one.id] ?? 0)))
        }
    }

    /// Rules know no processes, so nothing is refused.
    private mutating func lookAtRules(_ noted: NotedWorkload) throws {
        guard let namespace = noted.namespace() else { return }
        let port = try PolicyCompiler.compile(noted.workload.policy).outboundPort
        guard let port, try UnknownProxy.isSuspected(at: port, in: namespace) else { return }
        for one in try UnknownProxy.find(noted, in: namespace) where one.returned > 0 {
            findings.append(Finding(workload: noted.workload.name, sentence: one.sentence, refused: 0))
        }
    }
}
