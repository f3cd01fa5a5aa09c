import Glibc
import WeirBPF
import WeirCore

/// A question about a workload of nftables, as an attempt that its policy can decide. What a packet would know of
/// itself comes from the routes of the workload's namespace.
struct NFTQuestion {
    private(set) var attempt: Attempt
    /// What the call fails with for want of a route, as an errno; 0: there is one.
    let error: Int32

    init(
        _ question: Explanation.Question, _ policy: CompiledPolicy, in namespace: borrowing NetworkNamespace,
        as process: ProcessIdentity? = nil
    ) throws {
        let isInbound = question.side == .outside
        let proxy = question.side == .proxy ? ProxyIdentity(policy.owners) : nil
        let uid = question.uid ?? process?.uid ?? proxy?.uid ?? Explanation.nobody
        var route = RouteQuestion(destination: question.destination.address)
        if !isInbound {
            (route.source, route.uid) = (question.source, uid)
            route.transport = (UInt8(question.isUDP ? IPPROTO_UDP : IPPROTO_TCP), question.destination.port)
        }
        let way = try namespace.way(route)
        // tcp_v4_connect(), tcp_v6_connect(), and for broadcasts udp_sendmsg().
        let isToMany = way.isBroadcast || way.isMulticast && !question.isUDP
        error = way.error != 0 || !isToMany ? way.error : question.isUDP ? EACCES : ENETUNREACH
        attempt = Attempt(
            isInbound ? .inbound : .outbound, question.isUDP ? .udp : .tcp,
            from: question.source ?? (isInbound ? nil : way.source), to: question.destination.address,
            port: question.destination.port, isLocal: way.isLocal,
            uid: uid,
            gid: question.gid ?? process?.gid ?? proxy?.gid ?? Explanation.nobody,
            isByProxyCgroup: process == nil && (proxy.map { $0.uid == nil && $0.gid == nil } ?? false),
            mark: question.mark,
            interface: isInbound ? nil : way.interface)
    }
}
