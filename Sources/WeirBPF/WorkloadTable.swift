public import CWeirABI
import CWeirBPF
import Glibc
public import WeirCore

/// How the kernel knows a workload.
public enum WorkloadKey: Hashable, Sendable {
    /// A network namespace, by its cookie.
    case netns(UInt64)
    /// A cgroup v2, by its id.
    case cgroup(UInt64)
}

/// A workload as the kernel has it.
public struct RegisteredWorkload: Sendable {
    public let key: WorkloadKey
    public let value: weir_workload

    public var id: UInt32 { value.id }
    public var policy: UInt32 { value.policy }
    /// "refuse", "fallback" or "direct".
    public var whenProxyDown: String { WhenProxyDown(rawValue: value.when_proxy_down)?.word ?? "unknown" }
    /// Whether nftables rules in its namespace decide about inbound connections.
    public var hasInboundRules: Bool { value.flags & WEIR_WORKLOAD_INBOUND_RULES.rawValue != 0 }
    public var isProxy: Bool { UInt32(value.role) == WEIR_ROLE_PROXY.rawValue }
    public var name: String {
        withUnsafeBytes(of: value.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// The workloads in the kernel: `weir_pods` and `weir_cgroups`. One process writes at a time.
public final class WorkloadTable {
    private let interceptor: Interceptor
    private let maps: Maps
    public let policies: PolicyStore
    /// The slot that each entry points to.
    private var slots: [WorkloadKey: UInt32] = [:]
    private var shares: Shares

    public init(_ interceptor: Interceptor) throws(BPFError) {
        self.interceptor = interceptor
        maps = interceptor.maps
        policies = try PolicyStore(interceptor.maps)
        let present = try Self.read(interceptor.maps)
        slots = Dictionary(present.map { ($0.key, $0.policy) }, uniquingKeysWith: { $1 })
        shares = Shares(present)
    }

    /// Everything that is registered, proxies' cgroups included.
    public static func read(_ maps: Maps) throws(BPFError) -> [RegisteredWorkload] {
        var found: [RegisteredWorkload] = []
        for cookie in try maps.pods.walk(UInt64.self) {
            guard let value: weir_workload = try maps.pods.value(of: cookie) else { continue }
            found.append(RegisteredWorkload(key: .netns(cookie), value: value))
        }
        for id in try maps.cgroups.walk(UInt64.self) {
            guard let value: weir_workload = try maps.cgroups.value(of: id) else { continue }
            found.append(RegisteredWorkload(key: .cgroup(id), value: value))
        }
        return found
    }

    /// Registers a workload, or gives it another policy. From one connect() to the next the new policy decides; none
    /// is decided by a mixture, because the entry changes at once and points to a complete policy.
    /// - Returns: the workload's id, which stays the same for the same key and name.
    @discardableResult
    public func register(
        _ key: WorkloadKey, name: String, policy: CompiledPolicy, whenProxyDown: weir_when_proxy_down,
        fallbackPort: UInt16 = 0, followPassed: Bool = false, acceleration: AccelerationScope = [],
        accelerationBudget: Int = 0
    ) throws(BPFError) -> UInt32 {
        try register(
            key, name: name, slot: try policies.place(policy), whenProxyDown: whenProxyDown,
            fallbackPort: fallbackPort, followPassed: followPassed, acceleration: acceleration,
            accelerationBudget: accelerationBudget)
    }

    /// The same with a policy that has a slot already.
    @discardableResult
    public func register(
        _ key: WorkloadKey, name: String, slot: UInt32, whenProxyDown: weir_when_proxy_down,
        fallbackPort: UInt16 = 0, followPassed: Bool = false, acceleration: AccelerationScope = [],
        accelerationBudget: Int = 0
    ) throws(BPFError) -> UInt32 {
        var value = weir_workload()
        Self.store(name, in: &value)
        // What the kernel keeps of both names is compared.
        if let earlier = try self.value(of: key), Self.haveOneName(earlier, value) {
            value = earlier
        } else {
            value.id = try nextID()
            value.since_ns = Self.now()
            value.share = try shares.take(for: key, workload: value.id, maps)
        }
        value.policy = slot
        value.role = UInt8(WEIR_ROLE_WORKLOAD.rawValue)
        value.when_proxy_down = UInt8(whenProxyDown.rawValue)
        value.fallback_port = fallbackPort.bigEndian
        value.flags &= WEIR_WORKLOAD_STEERED.rawValue | WEIR_WORKLOAD_INBOUND_RULES.rawValue
        if followPassed { value.flags |= WEIR_WORKLOAD_FOLLOW_PASSED.rawValue }
        value.acceleration = acceleration.rawValue
        value.budget = UInt32(accelerationBudget)
        if !acceleration.isEmpty { try noteAcceleration() }
        try set(key, value)
        return value.id
    }

    /// Says that `weir_sk_lookup` is in force in a workload's namespace.
    public func setSteered(_ key: WorkloadKey) throws(BPFError) {
        guard var value = try value(of: key) else { return }
        value.flags |= WEIR_WORKLOAD_STEERED.rawValue
        try set(key, value)
    }

    /// Registers the cgroup of a workload's proxy.
    public func registerProxy(cgroup: UInt64, of workload: UInt32, policy slot: UInt32, name: String) throws(BPFError) {
        var value = weir_workload()
        value.id = workload
        value.policy = slot
        value.role = UInt8(WEIR_ROLE_PROXY.rawValue)
        value.since_ns = Self.now()
        value.share = shares.index(of: workload) ?? 0
        Self.store(name, in: &value)
        try set(.cgroup(cgroup), value)
    }

    /// Says who decides about a workload's inbound connections: nftables rules, or the programs.
    public func setInboundRules(_ areInForce: Bool, for key: WorkloadKey) throws(BPFError) {
        guard var value = try value(of: key) else { return }
        let before = value.flags
        value.flags &= ~WEIR_WORKLOAD_INBOUND_RULES.rawValue
        if areInForce { value.flags |= WEIR_WORKLOAD_INBOUND_RULES.rawValue }
        if value.flags != before { try set(key, value) }
    }

    /// Says whether the programs can steer to the listener of a workload's proxy, where they have not seen it come or go.
    public func setSteerable(_ isSteerable: Bool, for key: WorkloadKey) throws(BPFError) {
        guard var value = try value(of: key), (value.unsteerable == 0) != isSteerable else { return }
        value.unsteerable = isSteerable ? 0 : 1
        try set(key, value)
    }

    public func remove(_ key: WorkloadKey) throws(BPFError) {
        switch key {
        case .netns(let cookie):
            try maps.pods.remove(cookie)
            try freeSlot(of: cookie)
            Steering.remove(cookie: cookie, interceptor)
        case .cgroup(let id):
            try maps.cgroups.remove(id)
            try countCgroups()
        }
        slots[key] = nil
        shares.giveBack(key)
    }

    /// Frees the policies that no workload uses any more. Nobody waits for it, and none that is to be entered may have been
    /// placed before.
    public func releasePolicies() throws(BPFError) {
        try policies.release(keeping: Set(slots.values))
    }

    /// The same, and the counters of workloads that are gone.
    public func releaseUnused() throws(BPFError) {
        let present = try Self.read(maps)
        try releasePolicies()
        try maps.pruneCounters(keeping: Set(present.map(\.id)))
    }

    public func value(of key: WorkloadKey) throws(BPFError) -> weir_workload? {
        switch key {
        case .netns(let cookie): try maps.pods.value(of: cookie)
        case .cgroup(let id): try maps.cgroups.value(of: id)
        }
    }

    private func set(_ key: WorkloadKey, _ value: weir_workload) throws(BPFError) {
        switch key {
        case .netns(let cookie):
            // Before the entry, which nobody looks for while its slot is not taken.
            try maps.podSlots.set(Self.slot(of: cookie), to: UInt32(1))
            try maps.pods.set(cookie, to: value)
        case .cgroup(let id):
            try maps.cgroups.set(id, to: value)
            try countCgroups()
        }
        slots[key] = value.policy
    }

    private static func slot(of cookie: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: cookie) % UInt32(WEIR_POD_SLOTS)
    }

    /// After the entry has gone; the slot may be another pod's, too.
    private func freeSlot(of cookie: UInt64) throws(BPFError) {
        let slot = Self.slot(of: cookie)
        guard try maps.pods.walk(UInt64.self).allSatisfy({ Self.slot(of: $0) != slot }) else { return }
        try maps.podSlots.set(slot, to: UInt32(0))
    }

    /// Tells the programs whether walking up from a socket's cgroup can find anything.
    private func countCgroups() throws(BPFError) {
        var settings = try interceptor.settings()
        settings.cgroup_workloads = UInt32(try maps.cgroups.walk(UInt64.self).count)
        try maps.settings.set(UInt32(0), to: settings)
    }

    /// Tells the programs that sockets may have pairs, from now on: those of a workload that leaves stay pairs.
    private func noteAcceleration() throws(BPFError) {
        var settings = try interceptor.settings()
        guard settings.accelerates == 0 else { return }
        settings.accelerates = 1
        try maps.settings.set(UInt32(0), to: settings)
    }

    private func nextID() throws(BPFError) -> UInt32 {
        var settings = try interceptor.settings()
        settings.next_workload += 1
        try maps.settings.set(UInt32(0), to: settings)
        return settings.next_workload
    }

    private static func store(_ name: String, in value: inout weir_workload) {
        withUnsafeMutableBytes(of: &value.name) { bytes in
            bytes.copyBytes(from: KernelName.of(name).utf8)
        }
    }

    private static func haveOneName(_ one: weir_workload, _ other: weir_workload) -> Bool {
        withUnsafeBytes(of: one.name) { one in
            withUnsafeBytes(of: other.name) { one.elementsEqual($0) }
        }
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
