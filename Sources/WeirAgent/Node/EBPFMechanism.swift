import CWeirABI
import Logging
import WeirBPF
import WeirCore

/// Interception by BPF programs, and the routes and interfaces that their decisions need.
///
/// Order matters when a workload comes: its routes, then its policy, then its entry (from which moment its
/// connections are decided), then the proxy's older listeners, and last the steering of inbound connections.
final class EBPFMechanism {
    let interceptor: Interceptor
    let table: WorkloadTable
    private let logger: Logger
    private var routes: [UInt64: RouteKeeper] = [:]
    /// What stands in the kernel of namespaces that are not held, by an earlier process or since they were let go.
    private var inherited: [UInt64: [CIDR]]
    private var writers: ForgottenWriters?
    /// Nil until there is an accelerated workload, whose sockets may outlast its acceleration; false when the kernel
    /// has refused.
    private var looksForWriters: Bool?
    /// Told the cookie of a namespace whose routes or interfaces have changed.
    private let routesChanged: @Sendable (UInt64) -> Void

    init(
        _ interceptor: Interceptor, logger: Logger, routesChanged: @escaping @Sendable (UInt64) -> Void
    ) throws(BPFError) {
        self.interceptor = interceptor
        table = try WorkloadTable(interceptor)
        inherited = try RouteTable.written(interceptor.maps)
        self.logger = logger
        self.routesChanged = routesChanged
    }

    /// Puts the policies of workloads that are about to be entered into the kernel, which many at once do faster.
    /// - Returns: their slots.
    func prepare(_ resolved: [ResolvedWorkload]) throws(BPFError) -> [WorkloadKey: UInt32] {
        let slots = try table.policies.place(resolved.map(\.policy))
        return Dictionary(zip(resolved.map(\.key), slots), uniquingKeysWith: { $1 })
    }

    /// Enters a workload: from here on its connections are decided.
    /// - Parameters:
    ///   - resolved: gets the copy of its policy that all workloads share.
    ///   - prepared: the slot of its policy, if it has one already.
    ///   - budget: of the short cut, in bytes.
    /// - Returns: the workload's id.
    func enter(
        _ resolved: inout ResolvedWorkload, prepared: UInt32?, fallbackPort: UInt16?, acceleration: AccelerationScope,
        budget: Int, watching: Bool
    ) throws(BPFError) -> UInt32 {
        try keepRoutes(of: resolved, watching: watching)
        let slot = if let prepared { prepared } else { try table.policies.place(resolved.policy) }
        resolved.policy = table.policies.policy(in: slot) ?? resolved.policy
        if let keeper = routes[resolved.cookie] {
            keeper.areInterfacesCut = try InterfaceTable.synchronize(
                keeper.namespace, policy: resolved.policy, slot: slot, interceptor.maps)
        }
        let id = try table.register(
            resolved.key, name: resolved.workload.name, slot: slot,
            whenProxyDown: weir_when_proxy_down(UInt32(resolved.workload.whenProxyDown.rawValue)),
            fallbackPort: fallbackPort ?? 0, followPassed: resolved.workload.followPassed,
            acceleration: acceleration, accelerationBudget: budget)
        try routes[resolved.cookie]?.table.setNear(!acceleration.isEmpty)
        if !acceleration.isEmpty { looksForWriters = looksForWriters ?? true }
        return id
    }

    /// Enters the workload's proxy, and has inbound connections steered to it.
    /// - Parameter isEmpty: whether nothing runs in the namespace yet that could listen.
    /// - Returns: whether they can be: not to a listener that the kernel keeps out of `weir_listeners`.
    func steer(_ resolved: ResolvedWorkload, id: UInt32, isEmpty: Bool) throws(BPFError) -> Bool {
        if let cgroup = resolved.proxyCgroup, let slot = try table.value(of: resolved.key)?.policy {
            try table.registerProxy(cgroup: cgroup, of: id, policy: slot, name: resolved.workload.name)
        }
        guard resolved.isPod else { return true }
        let namespace = try NetworkNamespace(path: resolved.namespacePath)
        var ports = [resolved.policy.inboundPort]
        // What comes in by a virtual interface goes to the outbound port.
        if !resolved.policy.interfaces.isEmpty { ports.append(resolved.policy.outboundPort) }
        if !isEmpty { adoptListeners(of: resolved, inbound: Set(ports.compactMap(\.self)), in: namespace) }
        if try Steering.attach(namespace, interceptor) { try table.setSteered(resolved.key) }
        if isEmpty { return true }
        let seen = try ProxyPort.look(at: resolved.policy.targets, in: namespace, steeredBy: interceptor.maps)
        let isSteerable = !seen.contains { $0.state == .notSteerable }
        try table.setSteerable(isSteerable, for: resolved.key)
        return isSteerable
    }

    /// What a pod does to be searched for long, or in vain, costs it connections from outside, and nobody else.
    private func adoptListeners(
        of resolved: ResolvedWorkload, inbound ports: Set<UInt16>, in namespace: borrowing NetworkNamespace
    ) {
        let name = resolved.workload.name
        let policy = resolved.policy
        let doors = Set([policy.outboundPort, policy.inboundPort, policy.dnsPort].compactMap(\.self))
        do {
            let outcome = try ListenerAdoption.adopt(
                inbound: ports, doors: doors, in: namespace, interceptor.maps)
            if outcome.adopted > 0 {
                logger.info("listeners adopted", metadata: ["workload": "\(name)", "count": "\(outcome.adopted)"])
            }
            if let refusal = outcome.refusal {
                logger.warning(
                    "older listeners of the proxy cannot be steered to",
                    metadata: ["workload": "\(name)", "count": "\(outcome.refused)", "error": "\(refusal)"])
            }
            if outcome.notFound > 0 {
                logger.warning(
                    "older listeners of the proxy were not found in time; restart it if inbound connections fail",
                    metadata: [
                        "workload": "\(name)", "ports": "\(ports.sorted())", "count": "\(outcome.notFound)",
                    ])
            }
        } catch {
            logger.error("older listeners not looked for", metadata: ["workload": "\(name)", "error": "\(error)"])
        }
    }

    /// Forgets listeners of the proxy at the ports that it had with an earlier policy.
    func forgetListeners(of resolved: ResolvedWorkload, with earlier: CompiledPolicy) throws(BPFError) {
        let policy = resolved.policy
        let present = Set([policy.inboundPort, policy.outboundPort, policy.dnsPort].compactMap(\.self))
        let earlierPorts = Set([earlier.inboundPort, earlier.outboundPort, earlier.dnsPort].compactMap(\.self))
        let old = earlierPorts.subtracting(present)
        if !old.isEmpty { try interceptor.maps.forgetListeners(at: old, in: resolved.cookie) }
    }

    /// The port of a workload's fallback proxy as the kernel has it, in host order.
    func fallbackPort(of key: WorkloadKey) throws(BPFError) -> UInt16? {
        guard let port = try table.value(of: key)?.fallback_port, port != 0 else { return nil }
        return UInt16(bigEndian: port)
    }

    func remove(_ resolved: ResolvedWorkload) throws(BPFError) {
        try table.remove(resolved.key)
        if resolved.isPod { try forgetNamespace(resolved.cookie) }
        if let cgroup = resolved.proxyCgroup { try table.remove(.cgroup(cgroup)) }
    }

    /// Takes back what was done for a workload that could not be entered.
    /// - Parameter used: the namespaces of those that are.
    func undo(_ resolved: ResolvedWorkload, keeping used: Set<UInt64>) {
        try? remove(resolved)
        try? forgetRoutes(keeping: used)
        try? table.releasePolicies()
    }

    /// Removes what stands in the kernel of namespaces in which no workload is registered: a process may have died
    /// between its routes and its entry.
    func reap() throws(BPFError) {
        let used = try Set(interceptor.maps.pods.walk(UInt64.self)).union(routes.keys)
        inherited = inherited.filter { $0.key == 0 || used.contains($0.key) }
        let count = try RouteTable.reap(keeping: used, interceptor.maps)
        try InterfaceTable.reap(keeping: used, interceptor.maps)
        if count > 0 { logger.info("removed routes of namespaces that are gone", metadata: ["count": "\(count)"]) }
    }

    /// What of a namespace is more than its share of the maps, as a sentence; nil: all of it is known.
    func limit(of cookie: UInt64) -> String? { routes[cookie]?.limit }

    /// Removes what an earlier agent registered and this configuration does not have.
    /// - Parameter proxies: cgroups of the proxies of workloads that stay.
    /// - Returns: the names of those that are removed.
    func removeStrangers(keeping keys: Set<WorkloadKey>, proxies: Set<WorkloadKey>) throws(BPFError) -> [String] {
        var gone: [String] = []
        for registered in try WorkloadTable.read(interceptor.maps)
        where !keys.contains(registered.key) && !(registered.isProxy && proxies.contains(registered.key)) {
            try table.remove(registered.key)
            if !registered.isProxy { gone.append(registered.name) }
        }
        return gone
    }

    private func keepRoutes(of resolved: ResolvedWorkload, watching: Bool) throws(BPFError) {
        guard routes[resolved.cookie] == nil else { return }
        let keeper = try RouteKeeper(
            resolved.namespacePath, interceptor.maps, written: inherited.removeValue(forKey: resolved.cookie) ?? [],
            near: inherited[0] ?? [])
        if watching {
            let (cookie, changed) = (resolved.cookie, routesChanged)
            keeper.monitor = try NamespaceMonitor(keeper.namespace, .routes) { changed(cookie) }
        }
        // After the monitor is there, which tells what changes from then on.
        do {
            try keeper.table.synchronize(keeper.namespace)
        } catch {
            try? keeper.table.clear()
            throw error
        }
        routes[resolved.cookie] = keeper
    }

    /// Reads a namespace's routes and interfaces again.
    /// - Parameter policies: of the workloads in it.
    func synchronizeRoutes(_ cookie: UInt64, _ policies: [CompiledPolicy]) {
        guard let keeper = routes[cookie] else { return }
        do {
            try keeper.table.synchronize(keeper.namespace)
            for policy in policies {
                let slot = try table.policies.place(policy)
                keeper.areInterfacesCut = try InterfaceTable.synchronize(
                    keeper.namespace, policy: policy, slot: slot, interceptor.maps)
            }
            keeper.fault = nil
        } catch {
            keeper.fault = "\(error)"
            logger.error("routes not read", metadata: ["namespace": "\(keeper.namespace.path)", "error": "\(error)"])
        }
    }

    /// Namespaces whose routes could not be read, so that nothing may ever tell of another change.
    var unread: [UInt64] { routes.filter { $1.fault != nil }.map(\.key) }

    /// Asks the kernel whether all is attached and pinned, and puts back what is not.
    func restore() -> [Restoration] {
        interceptor.restore { cookie throws(BPFError) in
            guard let keeper = routes[cookie] else { return false }
            try Steering.attach(keeper.namespace, interceptor)
            return true
        }
    }

    /// Wakes writers of the short cut that the kernel has forgotten: they ran out of TCP memory, or their readers left.
    func wakeWriters() {
        do {
            guard looksForWriters == true else { return }
            let writers = if let writers { writers } else { try ForgottenWriters(interceptor.maps) }
            self.writers = writers
            for cookie in try writers.find() {
                guard let keeper = routes[cookie] else { continue }
                let count = try writers.wake(in: keeper.namespace)
                logger.warning(
                    "woke writers that ran out of TCP memory, or whose readers have left",
                    metadata: ["namespace": "\(keeper.namespace.path)", "sockets": "\(count)"])
            }
        } catch {
            logger.error(
                "cannot look for writers of the short cut that the kernel forgets; nobody wakes them",
                metadata: ["error": "\(error)"])
            looksForWriters = false
        }
    }

    /// Forgets the routes of namespaces that no workload lives in any more.
    func forgetRoutes(keeping used: Set<UInt64>) throws(BPFError) {
        for (cookie, keeper) in routes where !used.contains(cookie) {
            try keeper.table.clear()
            try InterfaceTable.clear(cookie: cookie, interceptor.maps)
            routes[cookie] = nil
        }
    }

    /// What the maps know of a namespace that nobody holds any more.
    private func forgetNamespace(_ cookie: UInt64) throws(BPFError) {
        guard routes[cookie] == nil else { return }
        inherited[cookie] = nil
        try RouteTable.clear(cookie: cookie, interceptor.maps)
        try InterfaceTable.clear(cookie: cookie, interceptor.maps)
    }

    /// Holds a namespace no longer that has lost its name, or it could never end. While processes keep it alive they
    /// stay intercepted; what the kernel knows of it goes when it is made anew or removed from the configuration.
    func letGo(of cookie: UInt64) throws(BPFError) {
        guard let keeper = routes.removeValue(forKey: cookie) else { return }
        inherited[cookie] = keeper.table.prefixes
        // Its sockets stay in the short cut with each other; those of other namespaces need not look for peers there.
        try keeper.table.setNear(false)
    }

    /// Stops following changes.
    func stop() { routes = [:] }
}
