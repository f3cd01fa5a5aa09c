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
    /// Whether its proxy listens; nil when nobody can look.
    public var proxyHealth: ProxyHealth?
    /// Whether nftables rules take inbound connections that the kernel cannot steer to its proxy; nil: no.
    public var hasInboundRules: Bool?
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
        var programs = try installed.registered().map { WorkloadReport($0, ids[$0.id]) }
        var rules = try installed.ruled().map { WorkloadReport($0, names[$0.workload.name]) }
        if (programs + rules).contains(where: { $0.proxyHealth == nil }) {
            try look(installed, &programs, &rules)
        }
        return (programs + rules + (agent?.absent ?? []).map(WorkloadReport.init)).sorted { $0.name < $1.name }
    }

    /// Where no agent has looked at proxies yet, this process does.
    private static func look(
        _ installed: Installed, _ programs: inout [WorkloadReport], _ rules: inout [WorkloadReport]
    ) throws {
        let known = Namespaces()
        let registered = try installed.registered(), ruled = try installed.ruled()
        for index in programs.indices where programs[index].proxyHealth == nil {
            guard let one = registered.first(where: { $0.id == programs[index].id }),
                let maps = installed.interceptor?.maps, let namespace = known.namespace(of: one.key)
            else { continue }
            programs[index].proxyHealth = try? ProxyHealth(one, maps, in: namespace)
        }
        for index in rules.indices where rules[index].proxyHealth == nil {
            guard let one = ruled.first(where: { "netns:\($0.cookie)" == rules[index].identity }),
                let namespace = known.namespace(of: .netns(one.cookie))
            else { continue }
            rules[index].proxyHealth = try? ProxyHealth(one, in: namespace)
        }
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
        (proxyHealth, hasInboundRules) = (more?.proxyHealth, one.hasInboundRules ? true : nil)
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
        (limit, proxy, pod, proxyHealth) = (more?.limit, more?.proxy, more?.pod, more?.proxyHealth)
    }

    /// The identity of one that is not there.
    static let absent = "absent"

    private init(_ absent: AgentStatus.Absent) {
        (id, name, identity) = (0, absent.name, Self.absent)
        (mesh, selector) = (absent.mesh, absent.selector)
        (mechanism, policy, whenProxyDown) = ("none", 0, absent.whenProxyDown)
        (since, problem) = (absent.since, "it is not intercepted, because it is not there: \(absent.reason)")
    }

    public static func table(_ workloads: [WorkloadReport]) -> Table {
        let hasPods = workloads.contains { $0.pod != nil }
        var table = Table(
            [
                "workload", "mesh", "proxy", "selector", "identity", "mechanism", "policy", "listens", "proxy down",
                "accelerated", "since",
            ]
                + (hasPods ? ["node", "addresses"] : []), numeric: [6])
        for one in workloads {
            let pod = one.pod.map { [$0.node, $0.addresses.joined(separator: ",")] } ?? ["-", "-"]
            table.add(
                [
                    one.name, one.mesh ?? "-", one.proxy ?? "-", one.selector ?? "-", one.identity, one.mechanism,
                    one.mechanism == Mechanism.ebpf.rawValue ? "\(one.policy)" : "-",
                    one.proxyHealth?.word ?? "-", one.whenProxyDown,
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
    /// Why there is an agent that does not say more; nil when none is there, or it does.
    public let agentProblem: String?
    /// The programs that are attached.
    public let programs: [String]
    /// What of the interception is gone.
    public let problems: [String]
    public let workloads: [WorkloadReport]

    /// - Parameter faults: what the kernel says of the pinned links.
    public init(
        installed: Bool, pins: String, agent: AgentStatus?, agentProblem: String?, programs: [String],
        faults: [String], workloads: [WorkloadReport]
    ) {
        problems = faults + (agent?.notInForce ?? [])
        self.installed = installed
        self.pins = pins
        self.agent = agent
        self.agentProblem = agentProblem
        self.programs = programs
        self.workloads = workloads
    }

    /// Something the operator should look at.
    public var hasProblem: Bool {
        !installed || !problems.isEmpty || agentProblem != nil || agent?.configurationProblem != nil
            || agent?.pluginProblem != nil
            || workloads.contains { $0.problem != nil || $0.proxyHealth?.isProblem ?? false }
            || agent?.kubernetes.map { $0.problem != nil || !$0.problems.isEmpty } ?? false
    }

    static let inboundRules =
        "nftables rules take its inbound connections: the kernel cannot steer them to its proxy's listener"

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
                // A line each.
                let parts = problem.split(separator: "\n").map(String.init)
                lines += zip(["the configuration on disk is not in force: "] + parts.dropFirst().map { _ in "" }, parts)
                    .map { "           \($0)\($1)" }
            }
            if let problem = agent.pluginProblem { lines.append("           CNI plugin not installed: \(problem)") }
        } else if let agentProblem {
            lines.append("agent      hangs: \(agentProblem)")
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
        lines = lines.map(\.printable)
        if !workloads.isEmpty { lines += ["", WorkloadReport.table(workloads).text] }
        for one in workloads {
            let sentences =
                [one.problem].compactMap(\.self) + (one.proxyHealth?.faults ?? [])
                + (one.hasInboundRules == true ? [Self.inboundRules] : []) + [one.limit].compactMap(\.self)
                + (one.pod?.warnings ?? [])
            lines += sentences.map { "\(one.name): \($0)".printable }
        }
        for pod in agent?.kubernetes?.problems ?? [] { lines.append("\(pod.name): \(pod.reason)".printable) }
        return lines.joined(separator: "\n")
    }
}
