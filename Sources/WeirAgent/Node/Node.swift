import CWeirABI
import Glibc
public import Logging
public import WeirBPF
public import WeirCore
public import WeirProxy

/// What the configuration asks for, put into the kernel and kept there.
///
/// Order matters when a workload comes: its routes, then its policy, then its entry (from which moment its
/// connections are decided), then the proxy's older listeners, and last the steering of inbound connections.
public actor Node {
    let interceptor: Interceptor
    let logger: Logger
    let table: WorkloadTable
    private let namespaces: NFTMechanism
    private let accessLog: AccessLog?
    var workloads: [ResolvedWorkload.Identifier: NodeWorkload] = [:]
    /// Whether the pods that an earlier agent registered are to stay, because those of today are not known yet.
    var keepsStrangers = false
    private var routes: [UInt64: RouteKeeper] = [:]
    private(set) var configuration = Configuration()

    public init(_ interceptor: Interceptor, logger: Logger, accessLog: AccessLog? = nil) throws(BPFError) {
        self.interceptor = interceptor
        self.logger = logger
        self.accessLog = accessLog
        table = try WorkloadTable(interceptor)
        namespaces = NFTMechanism(interceptor.pins ?? PinDirectory())
    }

    /// Makes the node what the configuration says. What can be found wrong is found before anything is changed.
    /// - Parameter watching: whether to follow changes of routes, as the agent does and `weir load` cannot.
    /// - Throws: `NodeError` with a sentence for each workload that cannot be; the node is as it was then.
    public func apply(_ new: Configuration, watching: Bool = true) async throws {
        var resolved: [ResolvedWorkload] = []
        var problems: [String] = []
        for workload in new.workloads {
            do {
                let one = try ResolvedWorkload(workload)
                if mechanism(of: one, new) == .nftables && !one.isPod {
                    throw InvalidValue(
                        "\(workload.selector) shares the host's network namespace; use mechanism: ebpf for it")
                }
                if mechanism(of: one, new) == .nftables && workload.whenProxyDown != .refuse {
                    throw InvalidValue(
                        "nftables cannot see whether the proxy listens; use whenProxyDown: refuse, or mechanism: ebpf")
                }
                resolved.append(one)
            } catch {
                problems.append("workload \(workload.name): \(error)")
            }
        }
        let pods = workloads.values.map(\.resolved).filter { $0.held != nil }
        problems += Self.clashes(pods + resolved)
        guard problems.isEmpty else { throw NodeError(problems: problems) }
        configuration = new
        let wanted = Set((resolved + pods).map(\.identifier))
        for (identifier, gone) in workloads where !wanted.contains(identifier) { await remove(gone) }
        try removeStrangers(keeping: Set((resolved + pods).map(\.key)))
        for one in resolved { try await put(one, watching: watching) }
        try table.releasePolicies()
        try forgetRoutes()
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

    func put(_ resolved: ResolvedWorkload, watching: Bool) async throws {
        let workload = resolved.workload
        if let present = workloads[resolved.identifier], present.resolved.key != resolved.key {
            await remove(present)
        }
        guard mechanism(of: resolved, configuration) == .ebpf else { return try await putNFT(resolved) }
        let fallbackPort = try fallbackPort(for: resolved)
        try keepRoutes(of: resolved, watching: watching)
        let slot = try table.policies.place(resolved.policy)
        if let keeper = routes[resolved.cookie] {
            try InterfaceTable.synchronize(
                keeper.namespace, policy: resolved.policy, slot: slot, interceptor.maps)
        }
        let id = try table.register(
            resolved.key, name: workload.name, policy: resolved.policy,
            whenProxyDown: weir_when_proxy_down(UInt32(workload.whenProxyDown.rawValue)),
            fallbackPort: fallbackPort ?? 0)
        // Listening after the entry is there, which tells the kernel that this listener is the fallback's.
        let fallback = try await fallbackProxy(for: resolved, port: fallbackPort)
        if let cgroup = resolved.proxyCgroup, let slot = try table.value(of: resolved.key)?.policy {
            try table.registerProxy(cgroup: cgroup, of: id, policy: slot, name: workload.name)
        }
        if resolved.isPod { try steer(resolved) }
        if resolved.isPod { try complement(resolved) }
        workloads[resolved.identifier] = NodeWorkload(resolved, id: id, mechanism: .ebpf, fallback: fallback)
        announce(resolved)
    }

    /// What this workload is intercepted with. Programs that could be installed can also carry it, so auto is ebpf.
    private func mechanism(of resolved: ResolvedWorkload, _ configuration: Configuration) -> Mechanism {
        let wanted = resolved.workload.mechanism ?? configuration.mechanism
        return wanted == .nftables ? .nftables : .ebpf
    }

    /// The rules are in force before the kernel forgets the workload, so that no connection is decided by neither.
    private func putNFT(_ resolved: ResolvedWorkload) async throws {
        try namespaces.apply(resolved)
        try table.remove(resolved.key)
        await workloads[resolved.identifier]?.fallback?.stop()
        workloads[resolved.identifier] = NodeWorkload(resolved, id: 0, mechanism: .nftables, fallback: nil)
        announce(resolved)
    }

    /// What eBPF needs of the namespace beside itself; and what nftables had there goes.
    private func complement(_ resolved: ResolvedWorkload) throws {
        if !resolved.policy.interfaces.isEmpty || resolved.workload.policy.dropInvalid {
            try namespaces.applyForwarded(resolved)
        } else {
            try namespaces.drain(resolved.publicPath)
        }
        if resolved.policy.interceptionMode == .tproxy, !resolved.policy.inboundPorts.ranges.isEmpty {
            try namespaces.installRouting(resolved)
        }
    }

    private func announce(_ resolved: ResolvedWorkload) {
        logger.info(
            "workload registered",
            metadata: [
                "workload": "\(resolved.workload.name)", "selector": "\(resolved.workload.selector)",
                "mechanism": "\(mechanism(of: resolved, configuration).rawValue)",
            ])
    }

    private func steer(_ resolved: ResolvedWorkload) throws(BPFError) {
        let namespace = try NetworkNamespace(path: resolved.namespacePath)
        var ports = [resolved.policy.inboundPort]
        // What comes in by a virtual interface goes to the outbound port.
        if !resolved.policy.interfaces.isEmpty { ports.append(resolved.policy.outboundPort) }
        for port in ports.compactMap(\.self) {
            let found = try ListenerAdoption.adopt(port: port, in: namespace, interceptor.maps)
            if found > 0 {
                logger.info(
                    "listeners adopted", metadata: ["workload": "\(resolved.workload.name)", "count": "\(found)"])
            }
        }
        _ = try Steering(namespace, interceptor)
    }

    /// The running proxy's port; after a restart the one that the kernel has, so that no connection meets a closed
    /// one; else a free one. Nil: the workload asks for no fallback.
    private func fallbackPort(for resolved: ResolvedWorkload) throws(BPFError) -> UInt16? {
        guard resolved.workload.whenProxyDown == .fallback else { return nil }
        if let present = workloads[resolved.identifier]?.fallback { return present.port }
        if let port = try table.value(of: resolved.key)?.fallback_port, port != 0 { return UInt16(bigEndian: port) }
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
            try table.remove(gone.resolved.key)
            if gone.resolved.isPod {
                try namespaces.remove(from: gone.resolved.publicPath)
                try forgetNamespace(gone.resolved.cookie)
            }
            if let cgroup = gone.resolved.proxyCgroup { try table.remove(.cgroup(cgroup)) }
        } catch {
            logger.error("workload not removed", metadata: ["workload": "\(name)", "error": "\(error)"])
        }
        await gone.fallback?.stop()
        workloads[gone.resolved.identifier] = nil
        logger.info("workload removed", metadata: ["workload": "\(name)"])
    }

    /// Removes what an earlier agent registered and this configuration does not have.
    func removeStrangers(keeping keys: Set<WorkloadKey>) throws(BPFError) {
        guard !keepsStrangers else { return }
        let proxies = Set(workloads.values.compactMap(\.resolved.proxyCgroup).map(WorkloadKey.cgroup))
        for registered in try WorkloadTable.read(interceptor.maps)
        where !keys.contains(registered.key) && !(registered.isProxy && proxies.contains(registered.key)) {
            try table.remove(registered.key)
        }
    }

    private func keepRoutes(of resolved: ResolvedWorkload, watching: Bool) throws(BPFError) {
        guard routes[resolved.cookie] == nil else { return }
        let keeper = try RouteKeeper(resolved.namespacePath, interceptor.maps)
        let cookie = resolved.cookie
        if watching {
            keeper.monitor = try RouteMonitor(keeper.namespace) { [weak self] in
                Task { await self?.routesChanged(cookie) }
            }
            // What changed before the monitor was there.
            try keeper.table.synchronize(keeper.namespace)
        }
        routes[cookie] = keeper
    }

    private func routesChanged(_ cookie: UInt64) {
        guard let keeper = routes[cookie] else { return }
        do {
            try keeper.table.synchronize(keeper.namespace)
            for present in workloads.values where present.resolved.cookie == cookie {
                let slot = try table.policies.place(present.resolved.policy)
                try InterfaceTable.synchronize(
                    keeper.namespace, policy: present.resolved.policy, slot: slot, interceptor.maps)
            }
        } catch {
            logger.error("routes not read", metadata: ["namespace": "\(keeper.namespace.path)", "error": "\(error)"])
        }
    }

    func forgetRoutes() throws(BPFError) {
        let used = Set(workloads.values.map(\.resolved.cookie))
        for (cookie, keeper) in routes where !used.contains(cookie) {
            try keeper.table.clear()
            try InterfaceTable.clear(cookie: cookie, interceptor.maps)
            routes[cookie] = nil
        }
    }

    /// What the maps know of a namespace that nobody holds any more.
    private func forgetNamespace(_ cookie: UInt64) throws(BPFError) {
        guard routes[cookie] == nil else { return }
        try RouteTable.clear(cookie: cookie, interceptor.maps)
        try InterfaceTable.clear(cookie: cookie, interceptor.maps)
    }

    /// Follows selectors whose namespace or cgroup was made anew; called every few seconds.
    func refresh() async {
        // One that was let go is looked up anew: the kernel gives a new namespace the inode number of an old one.
        for present in workloads.values
        where present.resolved.held == nil && (present.problem != nil || !present.isCurrent) {
            letGo(of: present)
            do {
                try await put(try ResolvedWorkload(present.resolved.workload), watching: true)
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

    /// Holds a namespace no longer that has lost its name, or it could never end. While processes keep it alive they
    /// stay intercepted; what the kernel knows of it goes when it is made anew or removed from the configuration.
    private func letGo(of present: NodeWorkload) {
        guard present.resolved.isPod else { return }
        routes[present.resolved.cookie] = nil
    }

    /// Stops what only works while the agent runs; the kernel goes on by itself.
    func stop() async {
        for present in workloads.values { await present.fallback?.stop() }
        routes = [:]
    }

    /// The workloads as the agent sees them.
    func report() -> [AgentStatus.WorkloadStatus] {
        workloads.values.map { present in
            AgentStatus.WorkloadStatus(
                id: present.id, name: present.resolved.workload.name, selector: "\(present.resolved.workload.selector)",
                mesh: present.resolved.workload.mesh ?? "custom", mechanism: present.mechanism.rawValue,
                problem: present.problem,
                fallbackConnections: present.fallback?.counters.accepted,
                proxy: present.resolved.proxyIdentity)
        }.sorted { $0.name < $1.name }
    }
}

/// Why a configuration cannot be applied: one sentence a workload.
public struct NodeError: Error, CustomStringConvertible, Sendable {
    public let problems: [String]
    public var description: String { problems.joined(separator: "\n") }
}
