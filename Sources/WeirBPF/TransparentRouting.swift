import CWeirBPF
import Glibc

/// What TPROXY mode needs of a pod's routing: a proxy that calls the application from its client's address marks its
/// socket, and the answers to that address must come back to the pod instead of leaving it. Istio's rules do this with
/// the same mark and table; here the accepted socket takes the mark from the SYN (net.ipv4.tcp_fwmark_accept).
public enum TransparentRouting {
    /// Istio's table.
    private static let table: UInt32 = 133
    private static let sysctl = "/proc/sys/net/ipv4/tcp_fwmark_accept"

    /// Adds the rule and the route for both families; what is there already stays.
    public static func install(mark: UInt32, in namespace: borrowing NetworkNamespace) throws(BPFError) {
        try namespace.enter { () throws(BPFError) in
            try write("1")
            let netlink = try Netlink()
            for family in [AF_INET, AF_INET6] {
                try change(netlink, RTM_NEWROUTE, route(family), family)
                try change(netlink, RTM_NEWRULE, rule(family, mark), family)
            }
        }
    }

    /// Removes both again.
    public static func remove(mark: UInt32, in namespace: borrowing NetworkNamespace) throws(BPFError) {
        try namespace.enter { () throws(BPFError) in
            try write("0")
            let netlink = try Netlink()
            for family in [AF_INET, AF_INET6] {
                try change(netlink, RTM_DELRULE, rule(family, mark), family)
                try change(netlink, RTM_DELROUTE, route(family), family)
            }
        }
    }

    private static func change(
        _ netlink: borrowing Netlink, _ type: Int, _ payload: [UInt8], _ family: Int32
    ) throws(BPFError) {
        let isNew = type == RTM_NEWROUTE || type == RTM_NEWRULE
        let flags = NLM_F_ACK | (isNew ? NLM_F_CREATE | NLM_F_EXCL : 0)
        let error = try netlink.request(type: Int32(type), flags: flags, payload: payload) { _ in }
        // Present or gone already; a kernel without IPv6.
        if [0, EEXIST, ENOENT, ESRCH, EAFNOSUPPORT, EOPNOTSUPP].contains(error) { return }
        throw BPFError(code: error, operation: "set", subject: "the routing of TPROXY mode in a network namespace")
    }

    /// `ip rule add fwmark MARK lookup 133`.
    private static func rule(_ family: Int32, _ mark: UInt32) -> [UInt8] {
        let action: UInt8 = 1  // FR_ACT_TO_TBL
        let header: [UInt8] = [UInt8(family), 0, 0, 0, UInt8(table), 0, 0, action, 0, 0, 0, 0]
        return header + attribute(10, mark) + attribute(15, table)  // FRA_FWMARK, FRA_TABLE
    }

    /// `ip route add local default dev lo table 133`.
    private static func route(_ family: Int32) -> [UInt8] {
        var message = rtmsg()
        message.rtm_family = UInt8(family)
        message.rtm_table = UInt8(table)
        message.rtm_protocol = UInt8(RTPROT_BOOT)
        message.rtm_scope = UInt8(RT_SCOPE_HOST.rawValue)
        message.rtm_type = UInt8(RTN_LOCAL)
        return withUnsafeBytes(of: &message) { Array($0) } + attribute(Int(RTA_OIF.rawValue), 1)
    }

    private static func attribute(_ type: Int, _ value: UInt32) -> [UInt8] {
        [8, 0, UInt8(type), 0] + withUnsafeBytes(of: value) { Array($0) }
    }

    /// The thread's namespace decides which file this is.
    private static func write(_ value: String) throws(BPFError) {
        guard let file = fopen(sysctl, "we"), fputs(value, file) >= 0, fclose(file) == 0 else {
            throw BPFError(
                code: errno, operation: "write", subject: sysctl, advice: "TPROXY mode needs it; use REDIRECT mode")
        }
    }
}
