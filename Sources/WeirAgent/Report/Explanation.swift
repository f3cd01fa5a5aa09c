import CWeirABI
import Glibc
public import WeirBPF
public import WeirCore

/// What `weir explain` shows: the kernel's own answer.
public struct Explanation: Encodable, Sendable {
    public let schema = "weir.explain/v1"
    public let workload: String
    public let destination: String
    public let direction: Direction
    public let verdict: Verdict
    public let reason: Reason
    public let because: String
    /// The annotation or key that the deciding rule comes from.
    public let source: String?
    /// What the kernel knew of the attempt.
    public let facts: [String]
    /// Index of the rule in the policy.
    public let rule: Int

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

    public static func ask(_ question: Question, _ interceptor: Interceptor) throws -> Explanation {
        let workloads = try WorkloadTable.read(interceptor.maps)
        guard let workload = workloads.first(where: { $0.name == question.workload && !$0.isProxy }) else {
            throw UnknownWorkload(question.workload, among: workloads)
        }
        var attempt = weir_attempt()
        switch workload.key {
        case .netns(let cookie): attempt.netns = cookie
        case .cgroup(let id):
            attempt.cgroup = id
            attempt.netns = try NetworkNamespace.current().cookie
        }
        attempt.direction = UInt8(question.side == .outside ? WEIR_INBOUND.rawValue : WEIR_OUTBOUND.rawValue)
        attempt.protocol = UInt8(question.isUDP ? IPPROTO_UDP : IPPROTO_TCP)
        // Nobody's: the overflow uid belongs to no proxy.
        attempt.uid = question.uid ?? 65534
        attempt.gid = question.gid ?? 65534
        if question.side == .proxy { try become(&attempt, workload.policy, interceptor.maps, question) }
        attempt.destination_port = question.destination.port.bigEndian
        question.destination.address.store(in: &attempt.destination)
        question.source?.store(in: &attempt.source)
        return Explanation(
            question, try interceptor.explain(attempt), try interceptor.maps.sources(of: workload.policy))
    }

    private init(_ question: Question, _ answer: weir_attempt, _ sources: [String]) {
        workload = question.workload
        destination = question.destination.description
        direction = Direction(rawValue: answer.direction) ?? .outbound
        verdict = Verdict(rawValue: answer.verdict) ?? .direct
        reason = Reason(rawValue: answer.reason)
        because = reason.sentence
        source = sources.indices.contains(Int(answer.source_index)) ? sources[Int(answer.source_index)] : nil
        facts = Facts(rawValue: answer.facts).names
        rule = Int(answer.rule)
    }

    /// Gives the attempt the identity of the policy's proxy.
    private static func become(
        _ attempt: inout weir_attempt, _ policy: UInt32, _ maps: Maps, _ question: Question
    ) throws {
        let owners = try maps.owners.walk(weir_owner.self).filter { $0.policy == policy }
        for owner in owners {
            guard let facts: UInt32 = try maps.owners.value(of: owner),
                Facts(rawValue: facts).isDisjoint(with: .proxy) == false
            else { continue }
            if owner.kind == WEIR_OWNER_UID.rawValue && question.uid == nil { attempt.uid = owner.id }
            if owner.kind == WEIR_OWNER_GID.rawValue && question.gid == nil { attempt.gid = owner.id }
            return
        }
        attempt.by_proxy_cgroup = 1
    }

    public var text: String {
        var lines = ["\(direction.word) to \(destination): \(verdict.word) (\(reason.word))", "  because \(because)"]
        if let source { lines.append("  decided by \(source), rule \(rule)") }
        if !facts.isEmpty { lines.append("  facts: \(facts.joined(separator: " "))") }
        return lines.joined(separator: "\n")
    }
}
