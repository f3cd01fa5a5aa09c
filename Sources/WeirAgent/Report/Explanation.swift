import CWeirABI
import Glibc
import WeirBPF
public import WeirCore

/// What `weir explain` shows: the kernel's own answer, or with nftables that of the policy its rules are written from.
public struct Explanation: Encodable, Sendable {
    public let schema = "weir.explain/v1"
    public let workload: String
    public let mechanism: Mechanism
    public let destination: String
    public let direction: Direction
    public let verdict: Verdict
    public let reason: Reason
    public let because: String
    /// The annotation or key that the deciding rule comes from.
    public let source: String?
    /// What was known of the attempt.
    public let facts: [String]
    /// Index of the rule in the policy.
    public let rule: Int
    /// What the call fails with for want of a route: "network is unreachable"; nil: there is one, or that is not known.
    public let error: String?

    public enum Side: String, Sendable {
        case app, proxy, outside
    }

    public struct Question: Sendable {
        public var workload: String
        public var destination: Endpoint
        public var side = Side.app
        public var uid: UInt32?
        public var gid: UInt32?
        public var source: Address?
        public var isUDP = false

        public init(workload: String, destination: Endpoint) {
            self.workload = workload
            self.destination = destination
        }
    }

    public static func ask(_ question: Question, _ installed: Installed) throws -> Explanation {
        let workloads = try installed.registered()
        if let interceptor = installed.interceptor,
            let workload = workloads.first(where: { $0.name == KernelName.of(question.workload) })
        {
            return try askKernel(question, workload, interceptor)
        }
        let ruled = try installed.ruled()
        if let noted = ruled.first(where: { $0.workload.name == question.workload }) {
            return try Explanation(question, noted)
        }
        throw UnknownWorkload(question.workload, among: workloads.map(\.name) + ruled.map(\.workload.name))
    }

    private static func askKernel(
        _ question: Question, _ workload: RegisteredWorkload, _ interceptor: Interceptor
    ) throws -> Explanation {
        var attempt = weir_attempt()
        switch workload.key {
        case .netns(let cookie): attempt.netns = cookie
        case .cgroup(let id):
            attempt.cgroup = id
            attempt.netns = try NetworkNamespace.current().cookie
        }
        attempt.direction = UInt8(question.side == .outside ? WEIR_INBOUND.rawValue : WEIR_OUTBOUND.rawValue)
        attempt.protocol = UInt8(question.isUDP ? IPPROTO_UDP : IPPROTO_TCP)
        let proxy = question.side == .proxy ? ProxyIdentity(try owners(of: workload.policy, interceptor.maps)) : nil
        attempt.uid = question.uid ?? proxy?.uid ?? nobody
        attempt.gid = question.gid ?? proxy?.gid ?? nobody
        if let proxy, proxy.uid == nil, proxy.gid == nil { attempt.by_proxy_cgroup = 1 }
        attempt.destination_port = question.destination.port.bigEndian
        question.destination.address.store(in: &attempt.destination)
        question.source?.store(in: &attempt.source)
        // In its namespace, for the kernel to see whether what is known of its routes still holds.
        let answer =
            if let namespace = namespace(attempt.netns) {
                try namespace.enter { () throws(BPFError) in try interceptor.explain(attempt) }
            } else {
                try interceptor.explain(attempt)
            }
        return Explanation(question, answer, try interceptor.maps.sources(of: workload.policy))
    }

    private static func namespace(_ cookie: UInt64) -> NetworkNamespace? {
        for path in NetworkNamespace.everywhere() {
            if let found = try? NetworkNamespace(path: path), found.cookie == cookie { return found }
        }
        return nil
    }

    /// The overflow uid belongs to no proxy.
    static let nobody: UInt32 = 65534

    private init(_ question: Question, _ answer: weir_attempt, _ sources: [String]) {
        workload = question.workload
        mechanism = .ebpf
        destination = question.destination.description
        direction = Direction(rawValue: answer.direction) ?? .outbound
        verdict = Verdict(rawValue: answer.verdict) ?? .direct
        reason = Reason(rawValue: answer.reason)
        because = reason.sentence
        source = sources.indices.contains(Int(answer.source_index)) ? sources[Int(answer.source_index)] : nil
        facts = Facts(rawValue: answer.facts).names
        rule = Int(answer.rule)
        error = answer.error == 0 ? nil : BPFError.text(Int32(answer.error))
    }

    /// What the kernel knows of uids and gids under a policy.
    private static func owners(of policy: UInt32, _ maps: Maps) throws -> [OwnerFacts] {
        try maps.owners.walk(weir_owner.self).filter { $0.policy == policy }.compactMap { key in
            guard let kind = OwnerFacts.Kind(rawValue: key.kind), let facts: UInt32 = try maps.owners.value(of: key)
            else { return nil }
            return OwnerFacts(kind: kind, id: key.id, facts: Facts(rawValue: facts))
        }
    }

    /// - Parameter noted: one that nftables intercepts.
    private init(_ question: Question, _ noted: NotedWorkload) throws {
        guard let namespace = noted.namespace() else {
            throw InvalidValue("the network namespace of \(noted.workload.name) is gone")
        }
        let policy = try PolicyCompiler.compile(noted.workload.policy)
        let asked = try NFTQuestion(question, policy, in: namespace)
        let attempt = asked.attempt
        let decision = policy.decide(attempt)
        // The kernel routes before rules see anything.
        let fails = attempt.direction == .outbound && asked.error != 0 && decision.verdict != .direct
        error = fails ? BPFError.text(asked.error) : nil
        workload = question.workload
        mechanism = .nftables
        destination = question.destination.description
        direction = attempt.direction
        verdict = fails ? .refuse : decision.verdict
        reason = fails ? .noRoute : decision.reason
        because = reason.sentence
        source = decision.source
        facts = policy.facts(of: attempt).names
        rule = decision.rule
    }

    public var text: String {
        var lines = [
            "\(direction.word) to \(destination): \(verdict.word) (\(reason.word))",
            "  because \(because)\(error.map { ": \($0)" } ?? "")",
        ]
        if let source { lines.append("  decided by \(source.printable), rule \(rule)") }
        if !facts.isEmpty { lines.append("  facts: \(facts.joined(separator: " "))") }
        return lines.joined(separator: "\n")
    }
}
