import WeirBPF
import WeirCore

/// A question about a workload of nftables, as an attempt that its policy can decide. What a packet would know of
/// itself comes from the routes of the workload's namespace.
struct NFTQuestion {
    private(set) var attempt: Attempt

    init(
        _ question: Explanation.Question, _ policy: CompiledPolicy, in namespace: borrowing NetworkNamespace,
        as process: ProcessIdentity? = nil
    ) throws {
        let isInbound = question.side == .outside
        let proxy = question.side == .proxy ? ProxyIdentity(policy.owners) : nil
        let way = try namespace.way(to: question.destination.address)
        attempt = Attempt(
            isInbound ? .inbound : .outbound, question.isUDP ? .udp : .tcp,
            from: question.source ?? (isInbound ? nil : way.source), to: question.destination.address,
            port: question.destination.port, isLocal: way.isLocal,
            uid: question.uid ?? process?.uid ?? proxy?.uid ?? Explanation.nobody,
            gid: question.gid ?? process?.gid ?? proxy?.gid ?? Explanation.nobody,
            isByProxyCgroup: process == nil && (proxy.map { $0.uid == nil && $0.gid == nil } ?? false),
            mark: question.mark,
            interface: isInbound ? nil : way.interface)
    }
}
