import CWeirBPF
import Glibc

/// Where a program of Weir's is attached to a cgroup.
struct Hook {
    /// Where it has to run among the programs that others have at the hook.
    enum Place { case first, last }

    let program: String
    let type: bpf_attach_type
    /// The first Linux that has the hook.
    let since: String
    let place: Place

    fileprivate init(_ program: String, _ type: bpf_attach_type, _ since: String, _ place: Place = .first) {
        (self.program, self.type, self.since, self.place) = (program, type, since, place)
    }

    /// As bpftool calls it, nearly: connect4, sockops.
    var name: String { String(program.dropFirst("weir_".count)) }

    /// Returns the link's descriptor, or a negative errno. Kernels before Linux 6.17 know one place only, behind what is
    /// attached already. BPF_F_PREORDER (Linux 6.15), which would come before the cgroups below, too, is not used:
    /// kernels without the fix that brought effective_prog_pos() may put the new program of such a link into another's place.
    func attach(_ program: Int32, _ cgroup: Int32) -> Int32 {
        if place == .first {
            let link = weir_link_create_first(program, cgroup, type)
            if link != -EINVAL { return link }
        }
        return weir_link_create(program, cgroup, type)
    }
}

extension Interceptor {
    /// The attached programs.
    ///
    /// Of those that change an address Weir's is the first: a load balancer that came before it would have put a backend
    /// in the place of the service that was asked for, which the proxy would get as the origin. On the way back it is the
    /// first, too: it gives the address that was asked for, or the backend that a balancer before it had chosen and now
    /// finds again. Of sockops the last to set the socket's callbacks keeps them, and Weir's adds to those that are set;
    /// of getsockopt the last answer counts.
    static let hooks: [Hook] = [
        Hook("weir_connect4", BPF_CGROUP_INET4_CONNECT, "4.17"),
        Hook("weir_connect6", BPF_CGROUP_INET6_CONNECT, "4.17"),
        Hook("weir_sockops", BPF_CGROUP_SOCK_OPS, "4.13", .last),
        Hook("weir_getsockopt", BPF_CGROUP_GETSOCKOPT, "5.3", .last),
        Hook("weir_getpeer4", BPF_CGROUP_INET4_GETPEERNAME, "5.8"),
        Hook("weir_getpeer6", BPF_CGROUP_INET6_GETPEERNAME, "5.8"),
        Hook("weir_getsock4", BPF_CGROUP_INET4_GETSOCKNAME, "5.8"),
        Hook("weir_getsock6", BPF_CGROUP_INET6_GETSOCKNAME, "5.8"),
        Hook("weir_sendmsg4", BPF_CGROUP_UDP4_SENDMSG, "4.18"),
        Hook("weir_sendmsg6", BPF_CGROUP_UDP6_SENDMSG, "4.18"),
        Hook("weir_recvmsg4", BPF_CGROUP_UDP4_RECVMSG, "5.2"),
        Hook("weir_recvmsg6", BPF_CGROUP_UDP6_RECVMSG, "5.2"),
    ]
}
