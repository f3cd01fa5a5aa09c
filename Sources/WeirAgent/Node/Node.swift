import CWeirABI
import Glibc
public import Logging
public import WeirBPF
public import WeirCore
import WeirNFT
public import WeirProxy

/// What the configuration asks for, put into the kernel and kept there.
public actor Node {
    let logger: Logger
    let namespaces: NFTMechanism
    let pins: PinDirectory
    private let accessLog: AccessLog?
    /// Nil while no workload wants it, or when the kernel has refused it.
    private(set) var ebpf: EBPFMechanism?
    /// Why the kernel refused it.
    public private(set) var whyNoPrograms: String?
    var workloads: [ResolvedWorkload.Identifier: NodeWorkload] = [:]
    /// Whether the pods that an earlier agent registered are to stay, because those of today are not known yet.
    var keepsStrangers = false
    /// Why what an earlier agent left is in force still, as it was logged.
    var unsettled: String?
    private var isLeftAlone = false
    private(set) var configuration = Configuration()
    private let loaded: Interceptor?
    /// Since when this process sees installations that were taken over from.
    var predecessorsSince: ContinuousClock.Instant?
    /// What the kernel's self-test said; nil until a workload asks for acceleration.
    private(set) var tested: AccelerationStatus?
    /// Gets the maps, once there are any.
    nonisolated let installations: AsyncStream<Maps>
    private let installed: AsyncStream<Maps>.Continuation

    /// - Parameter loaded: programs to use; nil: those of `pins`, which are installed when a workload wants them.
    public init(
        _ pins: PinDirectory, logger: Logger, accessLog: AccessLog? = nil, loaded: Interceptor? = nil
    ) {
        self.pins = pins
        self.loaded = loaded
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
    /// - Parameter watching: whether to follow changes of routes, as the agent does and `weir load` cannot.
    /// - Throws: `NodeError` with a sentence for each workload that cannot be; the node is as it was then.
    public func apply(_ new: Configuration, watching: Bool = true) async throws {
        try install(for: new)
        var resolved: [ResolvedWorkload] = []
        var gone: [(present: NodeWorkload, workload: Workload, problem: String)] = []
        var problems: [String] = []
        for (workload, result) in zip(new.workloads, await ResolvedWorkload.all(new.workloads)) {
            do {
                let one = try result.get()
                if choice(of: workload, new).mechanism == .nftables {
                    try requireNFT(one)
                }
                resolved.append(one)
            } catch {
                // A new one has to be there; one that was, and has gone, must not hold up the others.
                if let present = workloads[.configured(workload.name)], !present.isCurrent,
                    present.workload.selector == workload.selector
                {
                    gone.append((present, workload, "\(error)"))
                } else {
                    problems.append("workload \(workload.name): \(error)")
                }
            }
        }
        let pods = workloads.values.map(\.resolved).filter { $0.held != nil }
        problems += Self.clashes(pods + resolved)
        let moved = pods.filter { workloads[$0.identifier]?.choice != choice(of: $0.workload, new) }
        for pod in moved where choice(of: pod.workload, new).mechanism == .nftables {
            do { try requireNFT(pod) } catch { problems.append("pod \(pod.workload.name): \(error)") }
        }
        guard problems.isEmpty else { throw NodeError(problems: problems) }
        configuration = new
        for one in gone { (one.present.workload, one.present.problem) = (one.workload, one.problem) }
        let kept = resolved + pods + gone.map(\.present.resolved)
        let wanted = Set(kept.map(\.identifier))
        for (identifier, present) in workloads where !wanted.contains(identifier) { await remove(present) }
        try removeStrangers(keeping: kept)
        let slots = try ebpf?.prepare(resolved.filter { choice(of: $0.workload, new).mechanism == .ebpf }) ?? [:]
        for one in resolved + moved { try await put(one, slot: slots[one.key], watching: watching) }
        if !keepsStrangers { try takeOver() }
        try forgetUnused()
    }

    /// Policies and routes that no workload needs any more.
    func forgetUnused() throws(BPFError) {
        try ebpf?.table.releasePolicies()
        try ebpf?.forgetRoutes(keeping: Set(workloads.values.map(\.resolved.cookie)))
    }

    /// Loads the programs when they are wanted for the first time. Those that an earlier agent left are taken over in
    /// any case, because they would go on deciding.
    private func install(for new: Configuration) throws {
        guard ebpf == nil, loaded != nil || new.wantsPrograms || pins.exists else { return }
        do {
            let made = try load(new)
            ebpf = made
            whyNoPrograms = nil
            installed.yield(made.interceptor.maps)
        } catch {
            if new.needsPrograms || pins.exists { throw error }
            whyNoPrograms = "\(error)"
            logger.warning("no BPF programs; nftables takes their place", metadata: ["reason": "\(error)"])
        }
    }

    private func load(_ new: Configuration) throws(BPFError) -> EBPFMechanism {
        let interceptor = if let loaded { loaded } else { try installPrograms(new) }
        return try EBPFMechanism(interceptor, logger: logger) { [weak self] cookie in
            Task { await self?.routesChanged(cookie) }
        }
    }

    private func installPrograms(_ new: Configuration) throws(BPFError) -> Interceptor {
        try Host.require()
        if try Host.mountBPFFileSystem(at: new.agent.bpffs) {
            logger.notice("mounted the BPF file system", metadata: ["path": "\(new.agent.bpffs)"])
        }
        return try Interceptor.install(pins, cgroup: new.agent.cgroup)
    }

    /// What this workload is intercepted with.
    func choice(of workload: Workload, _ configuration: Configuration) -> MechanismChoice {
        MechanismChoice(workload.mechanism, configuration.mechanism, whyNoPrograms: whyNoPrograms)
    }

    /// What the node is intercepted with where a workload does not say.
    var choice: MechanismChoice { MechanismChoice(nil, configuration.mechanism, whyNoPrograms: whyNoPrograms) }

    /// Refuses what nftables cannot do. Where the kernel has no more, the short cut is only left out.
    func requireNFT(_ resolved: ResolvedWorkload) throws {
        guard resolved.isPod else {
            throw InvalidValue(
                "\(resolved.workload.selector) shares the host's network namespace; use mechanism: ebpf for it")
        }
        guard resolved.workload.whenProxyDown == .refuse else {
            throw InvalidValue(
                "nftables cannot see whether the proxy listens; use whenProxyDown: refuse, or mechanism: ebpf")
        }
        guard whyNoPrograms != nil || [nil, .off, .auto].contains(resolved.workload.acceleration) else {
            throw InvalidValue("nftables passes nothing past the stack; use mechanism: ebpf, or acceleration: off")
        }
        _ = try NFT()
    }

    /// Two selectors may name one namespace or cgroup by different paths.
    private static func clashes(_ resolved: [ResolvedWorkload]) -> [String] {
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
    func put(
        _ resolved: ResolvedWorkload, slot: UInt32? = nil, watching: Bool, isEmpty: Bool = false
    ) async throws {
        if let present = workloads[resolved.identifier], present.resolved.key != resolved.key {
            await remove(present)
        }
        let choice = choice(of: resolved.workload, configuration)
        guard choice.mechanism == .ebpf, let ebpf else { return try await putNFT(resolved, choice, watching) }
        let fallbackPort = try fallbackPort(for: resolved)
        let id = try ebpf.enter(
            resolved, prepared: slot, fallbackPort: fallbackPort, acceleration: try acceleration(of: resolved, ebpf),
            budget: resolved.workload.accelerationBudget ?? configuration.accelerationBudget, watching: watching)
        // Listening after the entry is there, which tells the kernel that this listener is the fallback's.
        let fallback = try await fallbackProxy(for: resolved, port: fallbackPort)
        try ebpf.steer(resolved, id: id, isEmpty: isEmpty)
        let hasRules = try resolved.isPod && complement(resolved)
        let workload = NodeWorkload(resolved, id: id, choice: choice, fallback: fallback)
        if hasRules && watching { workload.rules = try RulesKeeper(resolved.namespacePath) }
        workloads[resolved.identifier] = workload
        announce(resolved, choice)
    }

    /// What the short cut does for a workload. Both ends are told by their namespaces, which host workloads share.
    private func acceleration(
        of resolved: ResolvedWorkload, _ ebpf: EBPFMechanism
    ) throws(BPFError) -> AccelerationScope {
        let wanted = resolved.workload.acceleration ?? configuration.acceleration
        guard resolved.isPod, wanted != .off else { return [] }
        if tested == nil { tested = AccelerationStatus.test(logger) }
        guard try ebpf.interceptor.hasShortCut else { return [] }
        return wanted.scope(proxy: resolved.workload.proxyReads, allowed: tested?.scope ?? [])
    }

    /// The rules are in force before the kernel forgets the workload, so that no connection is decided by neither.
    private func putNFT(_ resolved: ResolvedWorkload, _ choice: MechanismChoice, _ watching: Bool) async throws {
        try namespaces.apply(resolved)
        try ebpf?.table.remove(resolved.key)
        await workloads[resolved.identifier]?.fallback?.stop()
        let workload = NodeWorkload(resolved, id: 0, choice: choice, fallback: nil)
        if watching { workload.rules = try RulesKeeper(resolved.namespacePath) }
        workloads[resolved.identifier] = workload
        announce(resolved, choice)
    }

    /// What eBPF needs of the namespace beside itself; and what nftables had there goes.
    /// - Returns: whether it needs rules.
    private func complement(_ resolved: ResolvedWorkload) throws -> Bool {
        let needsRules = !resolved.policy.interfaces.isEmpty || resolved.workload.policy.dropInvalid
        if needsRules {
            try namespaces.applyForwarded(resolved)
        } else {
            try namespaces.drain(resolved)
        }
        if resolved.policy.interceptionMode == .tproxy, !resolved.policy.inboundPorts.ranges.isEmpty {
            try namespaces.installRouting(resolved)
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

    /// The running proxy's port; after a restart the one that the kernel has, so that no connection meets a closed
    /// one; else a free one. Nil: the workload asks for no fallback.
    private func fallbackPort(for resolved: ResolvedWorkload) throws(BPFError) -> UInt16? {
        guard resolved.workload.whenProxyDown == .fallback else { return nil }
        if let present = workloads[resolved.identifier]?.fallback { return present.port }
        if let port = try ebpf?.fallbackPort(of: resolved.key) { return port }
        guard resolved.isPod else { return try FreePort.find(nil) }
        let namespace = try NetworkNamespace(path: resolved.namespacePath)
        return try FreePort.find(namespace.descriptor.raw)
    }

    /// The running one if it still fits, a new one if the workload asks for it, nil otherwise.
    private func fallbackProxy(for resolved: ResolvedWorkload, port: UInt16?) async throws -> FallbackProxy? {
        let present = workloads[resolved.identifier]?.fallback
        guard let port else {
            await present?.stop()
            return nil
        }
        if let present { return present }
        let namespace = try NetworkNamespace(path: resolved.namespacePath)
        var options = FallbackProxy.Options()
        options.limits = configuration.proxy
        options.log = accessLog
        options.port = port
        if resolved.isPod { options.namespace = namespace.descriptor.raw }
        return try await FallbackProxy.start(options)
    }

    func remove(_ gone: NodeWorkload) async {
        let name = gone.resolved.workload.name
        do {
            try ebpf?.remove(gone.resolved)
            if gone.resolved.isPod { try namespaces.remove(gone.resolved) }
        } catch {
            logger.error("workload not removed", metadata: ["workload": "\(name)", "error": "\(error)"])
        }
        await gone.fallback?.stop()
        workloads[gone.resolved.identifier] = nil
        logger.info("workload removed", metadata: ["workload": "\(name)"])
    }

    /// Removes what an earlier agent put in force and this configuration does not have.
    func removeStrangers(keeping resolved: [ResolvedWorkload]) throws {
        guard !keepsStrangers else { return }
        let proxies = Set(workloads.values.compactMap(\.resolved.proxyCgroup).map(WorkloadKey.cgroup))
        try ebpf?.removeStrangers(keeping: Set(resolved.map(\.key)), proxies: proxies)
        let paths = Set(resolved.map(\.publicPath))
        for path in namespaces.noted() where !paths.contains(path) { try namespaces.remove(from: path) }
    }

    private func routesChanged(_ cookie: UInt64) {
        let policies = workloads.values.filter { $0.resolved.cookie == cookie }.map(\.resolved.policy)
        ebpf?.synchronizeRoutes(cookie, policies)
    }

    /// From now on nothing is put back or followed: whoever stopped the agent may be about to remove it all.
    func letBe() { isLeftAlone = true }

    /// Follows selectors whose namespace or cgroup was made anew, and puts back rules that somebody has removed or
    /// changed; called every few seconds.
    func refresh() async {
        retryTakeOver()
        retirePredecessors()
        await followSelectors()
        for present in workloads.values { await restoreRules(of: present) }
    }

    private func restoreRules(of present: NodeWorkload) async {
        guard let rules = present.rules, !isLeftAlone else { return }
        let name = present.resolved.workload.name
        do {
            guard try rules.findsChange(in: present.resolved.namespacePath) else { return }
            try await put(present.resolved, watching: true)
            logger.warning(
                "somebody has removed or changed the nftables rules; they are back", metadata: ["workload": "\(name)"])
        } catch {
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

/// Why a configuration cannot be applied: one sentence a workload.
public struct NodeError: Error, CustomStringConvertible, Sendable {
    public let problems: [String]
    public var description: String { problems.joined(separator: "\n") }
}
