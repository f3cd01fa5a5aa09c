import Logging
import WeirBPF

/// What the agent looks at again and again, each in a task of its own: one that takes long holds up no other.
extension Agent {
    /// Every two seconds, whatever else takes long: is what was put in force still so?
    nonisolated func watchInterception() async throws {
        while true {
            try await Task.sleep(for: .seconds(2))
            await node.restoreInterception()
        }
    }

    /// Every ten seconds, in a thread of its own: has a proxy's own connection come back to it? Each is told once.
    nonisolated func watchLoops() async throws {
        let workshop = Workshop(width: 1)
        var earlier: LoopLook?
        var told: Set<String> = []
        while true {
            let (installed, before) = (
                Installed(interceptor: await node.interceptor, namespaces: node.namespaces), earlier
            )
            earlier = (try? await workshop.run { try LoopLook(installed, after: before) }) ?? earlier
            let findings = earlier?.findings ?? []
            for one in findings where !told.contains(one.workload) {
                logger.warning(
                    "connections go round",
                    metadata: [
                        "workload": "\(one.workload)", "why": "\(one.sentence)", "refused": "\(one.refused)",
                    ])
            }
            told = Set(findings.map(\.workload))
            try await Task.sleep(for: .seconds(10))
        }
    }

    /// Every ten seconds: what lists, policies and answers took, malloc would keep for each thread that made them.
    nonisolated func watchMemory(_ memory: FreeMemory) async throws {
        var memory = memory
        while true {
            try await Task.sleep(for: .seconds(10))
            memory.giveBack()
        }
    }

    /// Every two seconds: do the proxies listen?
    nonisolated func watchProxies() async throws {
        while true {
            await node.lookAtProxies()
            try await Task.sleep(for: .seconds(2))
        }
    }
}
