/// What is intercepted as one: a pod's network namespace, or a cgroup of the host.
public struct Workload: Hashable, Sendable, Codable {
    public var name: String
    public var selector: Selector
    /// The profile's name; nil for a proxy that is described by numbers.
    public var mesh: String?
    /// The mesh's annotations, verbatim.
    public var annotations: [String: String]
    /// Path of the proxy's own cgroup v2, when it is known by that.
    public var proxyCgroup: String?
    public var whenProxyDown: WhenProxyDown
    /// Nil: what the node's configuration says.
    public var mechanism: Mechanism?
    /// Nil: what the node's configuration says.
    public var acceleration: Acceleration?
    /// In bytes; nil: what the node's configuration says.
    public var accelerationBudget: Int?
    /// The profile's; of a proxy that is described by numbers, what the file says.
    public var proxyReads: ReadHabit
    /// How the workload's applications read; `acceleration: full` asks.
    public var applicationReads: ReadHabit
    /// Whether connections that are left alone are followed to their end, for records with bytes; it costs each of
    /// them about as much as redirecting.
    public var followPassed: Bool
    /// What the annotations and keys add up to.
    public var policy: PolicySpecification

    public init(
        name: String, selector: Selector, mesh: String? = nil, annotations: [String: String] = [:],
        proxyCgroup: String? = nil, whenProxyDown: WhenProxyDown = .refuse, mechanism: Mechanism? = nil,
        acceleration: Acceleration? = nil, accelerationBudget: Int? = nil, proxyReads: ReadHabit = .unknown,
        applicationReads: ReadHabit = .unknown, followPassed: Bool = false, policy: PolicySpecification
    ) {
        self.name = name
        self.selector = selector
        self.mesh = mesh
        self.annotations = annotations
        self.proxyCgroup = proxyCgroup
        self.whenProxyDown = whenProxyDown
        self.mechanism = mechanism
        self.acceleration = acceleration
        self.accelerationBudget = accelerationBudget
        self.proxyReads = proxyReads
        self.applicationReads = applicationReads
        self.followPassed = followPassed
        self.policy = policy
    }
}
