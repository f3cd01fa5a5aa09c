import CWeirABI
import Glibc
import WeirBPF
import WeirCore

/// A workload as `weir workloads` shows it: what the kernel has, and what the agent adds.
public struct WorkloadReport: Codable, Sendable {
    /// 0 with nftables, which has no use for ids.
    public var id: UInt32
    public var name: String
    /// "netns:4026532177" by cookie, or "cgroup:1234" by id.
    public var identity: String
    public var mesh: String?
    public var selector: String?
    public var mechanism: String
    public var policy: UInt32
    public var whenProxyDown: String
    /// Whose sockets get bytes past the stack, as the kernel has it: "proxies, applications"; nil for nobody's.
    public var acceleration: String?
    /// Seconds since 1970.
    public var since: Double
    public var problem: String?
    /// Why the short cut does less for it than it asks for; only while an agent runs.
    public var limit: String?
    /// By what the proxy's own connections are known: "uid 1337, gid 1337"; only while an agent runs.
    public var proxy: String?
    /// Only of pods.
    public var pod: KubernetesStatus.Pod?

    public struct List: Encodable, Sendable {
        public let schema = "weir.workloads/v1"
        public let workloads: [WorkloadReport]

        public init(workloads: [WorkloadReport]) {
            self.workloads = workloads
        }
    }

    /// - Parameter agent: nil when none runs.
    public static func read(_ installed: Installed, _ agent: AgentStatus?) throws -> [WorkloadReport] {
        let all = agent?.workloads ?? []
        let byRules = all.filter { $0.mechanism == Mechanism.nftables.rawValue }
        let ids = Dictionary(all.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let names = Dictionary(byRules.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let programs = try installed.registered().map { WorkloadReport($0, ids[$0.id]) }
        let rules = try installed.ruled().map { WorkloadReport($0, names[$0.workload.name]) }
        return (programs + rules).sorted { $0.name < $1.name }
    }

    private init(_ one: RegisteredWorkload, _ more: AgentStatus.WorkloadStatus?) {
        identity =
            switch one.key {
            case .netns(let cookie): "netns:\(cookie)"
            case .cgroup(let id): "cgroup:\(id)"
            }
        (id, name, mesh, selector) = (one.id, one.name, more?.mesh, more?.selector)
        (mechanism, policy, whenProxyDown) = (Mechanism.ebpf.rawValue, one.policy, one.whenProxyDown)
        (since, problem) = (Double(one.value.since_ns) / 1e9, more?.problem)
        (limit, proxy, pod) = (more?.limit, more?.proxy, more?.pod)
        let scope = AccelerationScope(rawValue: one.value.acceleration)
        let receivers = [(AccelerationScope.proxy, "proxies"), (.applications, "applications")]
            .filter { scope.contains($0.0) }.map(\.1)
        acceleration = receivers.isEmpty ? nil : receivers.joined(separator: ", ")
    }

    private init(_ one: NotedWorkload, _ more: AgentStatus.WorkloadStatus?) {
        identity = "netns:\(one.cookie)"
        (id, name) = (0, one.workload.name)
        (mesh, selector) = (one.workload.mesh ?? "custom", "\(one.workload.selector)")
        (mechanism, policy, whenProxyDown) = (Mechanism.nftables.rawValue, 0, one.workload.whenProxyDown.word)
        (since, problem) = (one.since, more?.problem)
        (limit, proxy, pod) = (more?.limit, more?.proxy, more?.pod)
    }

    public static func table(_ workloads: [WorkloadReport]) -> Table {
        let hasPods = workloads.contains { $0.pod != nil }
        var table = Table(
            [
                "workload", "mesh", "proxy", "selector", "identity", "mechanism", "policy", "proxy down", "accelerated",
                "since",
            ]
                + (hasPods ? ["node", "addresses"] : []), numeric: [6])
        for one in workloads {
            let pod = one.pod.map { [$0.node, $0.addresses.joined(separator: ",")] } ?? ["-", "-"]
            table.add(
                [
                    one.name, one.mesh ?? "-", one.proxy ?? "-", one.selector ?? "-", one.identity, one.mechanism,
                    one.mechanism == Mechanism.nftables.rawValue ? "-" : "\(one.policy)", one.whenProxyDown,
                    one.acceleration ?? "-", Quantity.age(seconds: Double(time(nil)) - one.since),
                ] + (hasPods ? pod : []))
        }
        return table
    }
}

/// What `weir status` shows.
public struct NodeStatus: Encodable, Sendable {
    public let schema = "weir.status/v1"
    public let installed: Bool
    public let pins: String
    public let agent: AgentStatus?
    /// The programs that are attached.
    public let programs: [String]
    /// What of the interception is gone.
    public let problems: [String]
    public let workloads: [WorkloadReport]

    /// - Parameter faults: what the kernel says of the pinned links.
    public init(
        installed: Bool, pins: String, agent: AgentStatus?, programs: [String], faults: [String],
        workloads: [WorkloadReport]
    ) {
        problems = faults + (agent?.notInForce ?? [])
        self.installed = installed
        self.pins = pins
        self.agent = agent
        self.programs = programs
        self.workloads = workloads
    }

    /// Something the operator should look at.
    public var hasProblem: Bool {
        !installed || !problems.isEmpty || agent?.configurationProblem != nil
            || workloads.contains { $0.problem != nil }
            || agent?.kubernetes.map { $0.problem != nil || !$0.problems.isEmpty } ?? false
    }

    public var text: String {
        guard installed else {
            return "mechanism  none: no programs under \(pins); start the agent (weir agent) or load them (weir load)"
        }
        var lines = [
            programs.isEmpty
                ? "mechanism  nftables: no programs under \(pins)"
                : "mechanism  ebpf: \(programs.count) programs attached, pinned under \(pins)"
        ]
        if let agent { lines.append("           \(agent.mechanism) where a workload does not say (\(agent.because))") }
        lines += problems.map { "           not in force: \($0)" }
        if let agent {
            let age = Quantity.age(seconds: Double(time(nil)) - agent.startedAt)
            lines.append("agent      running: pid \(agent.pid), version \(agent.version), for \(age)")
            if let problem = agent.configurationProblem {
                lines.append("           the configuration on disk is not in force: \(problem)")
            }
        } else {
            lines.append(
                "agent      not running: interception goes on, changes of workloads and routes are not followed")
        }
        for (index, line) in (agent?.acceleration?.lines ?? []).enumerated() {
            lines.append((index == 0 ? "short cut  " : "           ") + line)
        }
        if let kubernetes = agent?.kubernetes {
            lines.append(
                "kubernetes node \(kubernetes.node): \(kubernetes.pods) pods, \(workloads.count { $0.pod != nil }) intercepted"
            )
            if let problem = kubernetes.problem { lines.append("           pods are not followed now: \(problem)") }
        }
        lines.append("workloads  \(workloads.count)")
        if !workloads.isEmpty { lines += ["", WorkloadReport.table(workloads).text] }
        for one in workloads { lines += [one.problem, one.limit].compactMap { $0 }.map { "\(one.name): \($0)" } }
        for pod in agent?.kubernetes?.problems ?? [] { lines.append("\(pod.name): \(pod.reason)") }
        return lines.joined(separator: "\n")
    }
}
