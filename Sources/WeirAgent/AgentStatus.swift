/// What the agent says of itself on its admin socket.
public struct AgentStatus: Codable, Sendable {
    public var schema = "weir.agent/v1"
    public var version: String
    public var pid: Int32
    /// Seconds since 1970.
    public var startedAt: Double
    public var configuration: String?
    /// Why the file on disk is not the configuration in force; nil when it is.
    public var configurationProblem: String?
    /// Why the CNI plugin is not installed; nil when it is, or is not to be.
    public var pluginProblem: String?
    /// What of the interception is gone and could not be put back, a sentence each; nil: nothing.
    public var notInForce: [String]?
    /// "ebpf" or "nftables", for workloads that do not say.
    public var mechanism: String
    /// Why that one.
    public var because: String
    /// Nil while no workload asks for what has to be tested.
    public var acceleration: AccelerationStatus?
    public var workloads: [WorkloadStatus]
    /// Workloads of the configuration that are not there; nil for none.
    public var absent: [Absent]?
    /// Nil when the configuration takes no pods.
    public var kubernetes: KubernetesStatus?

    /// A workload whose namespace, cgroup or unit cannot be found now.
    public struct Absent: Codable, Sendable {
        public var name: String
        public var selector: String
        public var mesh: String
        public var whenProxyDown: String
        /// One sentence.
        public var reason: String
        /// Seconds since 1970.
        public var since: Double
    }

    public struct WorkloadStatus: Codable, Sendable {
        public var id: UInt32
        public var name: String
        public var selector: String
        public var mesh: String
        /// "ebpf" or "nftables".
        public var mechanism: String
        /// Why that one: the configuration, or what the kernel allows.
        public var because: String
        /// Why it is not intercepted now; nil when it is.
        public var problem: String?
        /// Whether its proxy listens, as was last seen; nil: nobody has looked yet.
        public var proxyHealth: ProxyHealth?
        /// Whether nftables rules take its inbound connections, because the kernel cannot steer them to its proxy; nil: no.
        public var hasInboundRules: Bool?
        /// Why the short cut does less for it than it asks for; nil when it does that, or nothing is asked.
        public var limit: String?
        /// Connections that Weir's own proxy took while the workload's did not listen.
        public var fallbackConnections: UInt64?
        /// By what the proxy's own connections are known: "uid 1337, gid 1337".
        public var proxy: String?
        /// Nil for a workload of the file.
        public var pod: KubernetesStatus.Pod?

        /// Of one that is a pod.
        var podUID: String? { selector.hasPrefix("pod ") ? String(selector.dropFirst(4)) : nil }
    }
}

/// This build.
public enum WeirVersion {
    public static let current = "0.1.0"
}
