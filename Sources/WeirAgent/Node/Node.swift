public import Logging
public import WeirBPF
public import WeirCore
public import WeirProxy

/// What the configuration asks for, put into the kernel and kept there.
///
/// Concurrency: a reload, the upkeep, and each pod that comes or goes do their whole work in one passage of the
/// turnstile, so that none removes what another is about to register. What calls another of these does not pass again.
public actor Node {
    let logger: Logger
    let turnstile = Turnstile()
    let namespaces: NFTMechanism
    nonisolated let names = WorkloadNames()
    let pins: PinDirectory
    let accessLog: AccessLog?
    /// Nil while no workload wants it, or when the kernel has refused it.
    var ebpf: EBPFMechanism?
    /// Why the kernel refused it.
    public internal(set) var whyNoPrograms: String?
    var workloads: [ResolvedWorkload.Identifier: NodeWorkload] = [:]
    /// By name; none of them is among `workloads`.
    var absent: [String: AbsentWorkload] = [:]
    /// Whether the pods that an earlier agent registered are to stay, because those of today are not known yet.
    var keepsStrangers = false
    /// Why what an earlier agent left is in force still, as it was logged.
    var unsettled: String?
    var isLeftAlone = false
    /// What of this node's interception is gone and could not be put back, a sentence each.
    public internal(set) var notInForce: [String] = []
    /// How often what was put back.
    var repairs: [Restoration.Subject: UInt64] = [:]
    /// Names of what was in force before, and was not to be.
    public internal(set) var removed: Set<String> = []
    /// Where proxies are looked at.
    let looks = Workshop(width: 1)
    /// How often the upkeep has been done.
    var upkeeps = 0
    private(set) var configuration = Configuration()
    let loaded: Interceptor?
    /// The path of `weir`, where this process is one.
    let launcher: String?
    /// Since when this process sees installations that were taken over from.
    var predecessorsSince: ContinuousClock.Instant?
    /// What the kernel's self-test said; nil while nothing asks for acceleration, or may.
    private(set) var tested: AccelerationStatus?
    /// Gets the maps, once there are any.
    nonisolated let installations: AsyncStream<Maps>
    let installed: AsyncStream<Maps>.Continuation

    /// - Parameter loaded: programs to use; nil: those of `pins`, which are installed when a workload wants them.
    public init(
        _ pins: PinDirectory, logger: Logger, accessLog: AccessLog? = nil, loaded: Interceptor? = nil,
        launcher: String? = nil
    ) {
        self.pins = pins
        self.loaded = loaded
        self.launcher = launcher
        self.logger = logger
        self.accessLog = accessLog
        namespaces = NFTMechanism(pins)
        (installations, installed) = AsyncStream.makeStream()
    }

    var interceptor: Interceptor? { ebpf?.interceptor }

    /// The first `apply`: when it fails, what it has put in force goes again. What was there before goes on.
    public func start(_ configuration: Configuration, watching: Bool = true) async throws {
        let wasInstalled = pins.exists || !namespaces.noted().isEmpty
        do {
            try requireWorkloads(configuration)
            try StateFolder(pins).takeOver()
            try await apply(configuration, watching: watching)
        } catch {
            ebpf?.interceptor.giveUp()
            if !wasInstalled {
                Interceptor.uninstall(pins)
                _ = try? namespaces.removeAll()
            }
            throw error
        }
    }

    /// Makes the node what the configuration says. What can be found wrong is found before anything is changed.
    /// - Parameter watching: whether to follow changes of routes, and to take over workloads that are not there yet, as
    ///   the agent does and `weir load` cannot.
    /// - Throws: `NodeError` with a sentence for each workload that cannot be; the node is as it was then.
    public func apply(_ new: Configuration, watching: Bool = true) async throws {
        try await turnstile.pass { try await change(to: new, watching: watching) }
    }

    private func change(to new: Configuration, watching: Bool) async throws {
        try install(for: new)
        var resolved: [ResolvedWorkload] = []
        var gone: [(present: NodeWorkload, workload: Workload, problem: String)] = []
        var absent: [AbsentWorkload] = []
        var problems: [String] = []
        for (workload, result) in zip(new.workloads, await ResolvedWorkload.all(new.workloads)) {
            var isThere = false
            do {
                let one = try result.get()
                isThere = true
                try require(choice(of: one, new).mechanism, for: one)
                resolved.append(one)
            } catch {
                // One that is not there, or no longer, must not hold up the others.
                if let present = workloads[.configured(workload.name)], !present.isCurrent,
                    present.workload.selector == workload.selector
                {
                    gone.append((present, workload, "\(error)"))
                } else if watching, !isThere, let one = AbsentWorkload(workload, error) {
                    absent.append(one)
                } else {
                    problems.append("workload \(workload.name): \(error)")
                }
            }
        }
        let pods = workloads.values.map(\.resolved).filter { $0.held != nil }
        problems += Self.clashes(pods + resolved)
        let moved = pods.filter { workloads[$0.identifier]?.choice != choice(of: $0, new) }
        for pod in moved {
            do {
                try require(choice(of: pod, new).mechanism, for: pod)
            } catch { problems.append("pod \(pod.workload.name): \(error)") }
        }
        guard problems.isEmpty else { throw NodeError(problems: problems) }
        configuration = new
        note(absent: absent)
        // Before the first pod that asks for it, whose start would wait.
        if new.acceleration != .off || new.agent.kubernetes.enabled, ebpf != nil { _ = selfTest() }
        for one in gone { (one.present.workload, one.present.problem) = (one.workload, one.problem) }
        let kept = resolved + pods + gone.map(\.present.resolved)
        let wanted = Set(kept.map(\.identifier))
        for (identifier, present) in workloads where !wanted.contains(identifier) { remove(present) }
        try removeStrangers(keeping: kept, saying: .warning)
        let slots = try ebpf?.prepare(resolved.filter { choice(of: $0, new).mechanism == .ebpf }) ?? [:]
        for one in resolved + moved { try await put(one, slot: slots[one.key], watching: watching) }
        if !keepsStrangers { try takeOver() }
        try forgetUnused()
        if !keepsStrangers { try ebpf?.reap() }
        // Nobody stays to do it.
        if !watching { ebpf?.table.policies.settle() }
    }

    /// Policies, counters and routes that no workload needs any more.
    func forgetUnused() throws(BPFError) {
        try ebpf?.table.releaseUnused()
        try ebpf?.forgetRoutes(keeping: Set(workloads.values.map(\.resolved.cookie)))
    }

    /// Two selectors may name one namespace or cgroup by different paths.
    static func clashes(_ resolved: [ResolvedWorkload]) -> [String] {
        var seen: [WorkloadKey: String] = [:]
        return resolved.compactMap { one in
            defer { seen[one.key] = one.workload.name }
            return seen[one.key].map {
                "workload \(one.workload.name): \(one.workload.selector) is what workload \($0) selects already; remove one of them"
            }
        }
    }

    /// - Parameter slot: of its policy, when that is in the kernel already.
    /// - Parameter isEmpty: whether nothing runs in its namespace yet; spares the look for listeners.
    /// - Parameter anew: whether somebody else may have changed the rules that are in force.
    func put(
        _ resolved: ResolvedWorkload, slot: UInt32? = nil, watching: Bool, isEmpty: Bool = false, anew: Bool = false
    ) async throws {
        if let present = workloads[resolved.identifier], present.resolved.key != resolved.key {
            remove(present)
        }
        let choice = choice(of: resolved, configuration)
        guard choice.mechanism == .ebpf, let ebpf else {
            return try putNFT(resolved, choice, watching: watching, anew: anew)
        }
        let fallbackPort = try fallbackPort(for: resolved)
        let (acceleration, limit) = try acceleration(of: resolved, ebpf)
        do {
            try await enter(
                resolved, ebpf, slot, choice, fallbackPort, acceleration, limit, watching: watching, isEmpty: isEmpty,
                anew: anew)
        } catch {
            if workloads[resolved.identifier] == nil {
                ebpf.undo(resolved, keeping: Set(workloads.values.map(\.resolved.cookie)))
            }
            throw error
        }
        noteExcess(resolved.cookie)
    }

    private func enter(
        _ resolved: ResolvedWorkload, _ ebpf: EBPFMechanism, _ slot: UInt32?, _ choice: MechanismChoice,
        _ fallbackPort: UInt16?, _ acceleration: AccelerationScope, _ limit: String?, watching: Bool, isEmpty: Bool,
        anew: Bool
    ) async throws {
        var resolved = resolved
        let id = try ebpf.enter(
            &resolved, prepared: slot, fallbackPort: fallbackPort, acceleration: acceleration,
            budget: resolved.workload.accelerationBudget ?? configuration.accelerationBudget, watching: watching)
        // Listening after the entry is there, which tells the kernel that this listener is the fallback's.
        let fallback = try await fallbackProxy(for: resolved, port: fallbackPort)
        let isSteerable = try ebpf.steer(resolved, id: id, isEmpty: isEmpty)
        if resolved.isPod, let earlier = workloads[resolved.identifier]?.resolved.policy {
            try ebpf.forgetListeners(of: resolved, with: earlier)
        }
        let workload = NodeWorkload(resolved, id: id, choice: choice, fallback: fallback)
        let hasRules =
            resolved.isPod ? try complement(workload, ebpf, takingInbound: !isSteerable, anew: anew) : false
        workload.limit = limit
        if hasRules && watching { workload.rules = try RulesKeeper(resolved.namespacePath) }
        register(workload)
    }

    private func register(_ workload: NodeWorkload) {
        let resolved = workload.resolved
        if let limit = workload.limit, limit != workloads[resolved.identifier]?.limit {
            logger.warning(
                "acceleration is limited", metadata: ["workload": "\(resolved.workload.name)", "reason": "\(limit)"])
        }
        workload.noted = namespaces.note(of: resolved)
        if workload.id != 0 { names.note(workload.id, resolved.workload.name) }
        if let earlier = workloads[resolved.identifier] {
            (workload.proxyHealth, workload.lookedAt) = (earlier.proxyHealth, earlier.lookedAt)
            workload.switches = earlier.switches
        }
        workload.routing = routingRemark(on: workload)
        workloads[resolved.identifier] = workload
        announce(resolved, workload.choice)
    }

    /// Runs the test once.
    private func selfTest() -> AccelerationStatus {
        let status = tested ?? AccelerationStatus.test(logger)
        tested = status
        return status
    }

    /// What the short cut does for a workload. Both ends are told by their namespaces, which host workloads share.
    private func acceleration(
        of resolved: ResolvedWorkload, _ ebpf: EBPFMechanism
    ) throws(BPFError) -> (AccelerationScope, limit: String?) {
        let workload = resolved.workload
        let wanted = workload.acceleration ?? configuration.acceleration
        guard resolved.isPod, wanted != .off else { return ([], nil) }
        let tested = selfTest()
        guard try ebpf.interceptor.hasShortCut else {
            return ([], "acceleration does nothing: \(tested.problem ?? "the installed programs have no short cut")")
        }
        let scope = wanted.scope(
            proxy: workload.proxyReads, application: workload.applicationReads, allowed: tested.scope)
        return (scope, tested.limit(of: workload, wanted, scope))
    }

    /// The rules are in force before the kernel forgets the workload, so that no connection is decided by neither.
    private func putNFT(
        _ resolved: ResolvedWorkload, _ choice: MechanismChoice, watching: Bool, anew: Bool
    ) throws {
        try namespaces.apply(resolved, anew: anew)
        try ebpf?.table.remove(resolved.key)
        workloads[resolved.identifier]?.fallback?.retire()
        let workload = NodeWorkload(resolved, id: 0, choice: choice, fallback: nil)
        if [.proxies, .full].contains(resolved.workload.acceleration) {
            workload.limit = "acceleration does nothing: nftables passes nothing past the stack"
        }
        if watching { workload.rules = try RulesKeeper(resolved.namespacePath) }
        register(workload)
    }

    /// What eBPF needs of the namespace beside itself; and what nftables had there goes.
    /// - Returns: whether it needs rules.
    private func complement(
        _ workload: NodeWorkload, _ ebpf: EBPFMechanism, takingInbound: Bool, anew: Bool
    ) throws -> Bool {
        let resolved = workload.resolved
        var needsRules = resolved.needsRules
        // The programs decide before the rules go, and until they are there.
        if !takingInbound { try ebpf.table.setInboundRules(false, for: resolved.key) }
        if takingInbound {
            needsRules = try takeInbound(workload, ebpf, anew: anew) || needsRules
        } else if needsRules {
            try namespaces.applyForwarded(resolved, takingInbound: false, anew: anew)
        } else {
            try namespaces.drain(resolved)
        }
        if resolved.policy.interceptionMode == .tproxy, !resolved.policy.inboundPorts.ranges.isEmpty {
            try namespaces.installRouting(resolved)
            // What was read of the namespace's routes held before that.
            ebpf.synchronizeRoutes(resolved.cookie, [])
        }
        return needsRules
    }

    private func announce(_ resolved: ResolvedWorkload, _ choice: MechanismChoice) {
        logger.info(
            "workload registered",
            metadata: [
                "workload": "\(resolved.workload.name)", "selector": "\(resolved.workload.selector)",
                "mechanism": "\(choice.mechanism.rawValue)", "because": "\(choice.because)",
            ])
    }

    func remove(_ gone: NodeWorkload) {
        let name = gone.resolved.workload.name
        do {
            try ebpf?.remove(gone.resolved)
            if gone.resolved.isPod { try namespaces.remove(gone.resolved) }
        } catch {
            logger.error("workload not removed", metadata: ["workload": "\(name)", "error": "\(error)"])
        }
        gone.fallback?.retire()
        workloads[gone.resolved.identifier] = nil
        logger.info("workload removed", metadata: ["workload": "\(name)"])
    }

    /// Stops what only works while the agent runs; the kernel goes on by itself.
    func stop() async {
        for present in workloads.values { await present.fallback?.stop() }
        ebpf?.stop()
    }

    /// The workloads as the agent sees them.
    func report() -> [AgentStatus.WorkloadStatus] {
        workloads.values.map(\.status).sorted { $0.name < $1.name }
    }
}
