import WeirBPF
import WeirCore

/// A question about a workload of nftables, as an attempt that its policy can decide. What a packet would know of
/// itself comes from the routes of the workload's namespace.
struct NFTQuestion {
    private(set) var attempt: Attempt

    init(
        _ question: Explanation.Question, _ policy: CompiledPolicy, in namespace: borrowing NetworkNamespace
    ) throws {
        let isInbound = question.side == .outside
        let way = try namespace.way(to: question.destination.address)
        attempt = Attempt(
            isInbound ? .inbound : .outbound, question.isUDP ? .udp : .tcp,
            from: question.source ?? (isInbound ? nil : way.source), to: question.destination.address,
            port: question.destination.port, isLocal: way.isLocal, uid: question.uid ?? Explanation.nobody,
            gid: question.gid ?? Explanation.nobody, interface: isInbound ? nil : way.interface)
        if question.side == .proxy { become(policy, question) }
    }

    /// Takes the identity of the policy's proxy.
    private mutating func become(_ policy: CompiledPolicy, _ question: Explanation.Question) {
        guard let owner = policy.owners.first(where: { !$0.facts.isDisjoint(with: .proxy) }) else {
            attempt.isByProxyCgroup = true
            return
        }
        if owner.kind == .uid, question.uid == nil { attempt.uid = owner.id }
        if owner.kind == .gid, question.gid == nil { attempt.gid = owner.id }
    }
}
