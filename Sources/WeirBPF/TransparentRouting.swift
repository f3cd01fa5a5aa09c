import CWeirBPF
import Glibc

/// What TPROXY mode needs of a pod's routing: a proxy that calls the application from its client's address marks its
/// socket, and the answers to that address must come back to the pod instead of leaving it. Istio's rules do this with
/// the same mark and a table of their own; here the accepted socket takes the mark from the SYN
/// (net.ipv4.tcp_fwmark_accept).
public enum TransparentRouting {
    /// Of the table and of the rule's preference, by which Weir's are known; the rules of the nftables mechanism have the
    /// same.
    static let number: UInt32 = 0x7765
    private static let sysctl = "/proc/sys/net/ipv4/tcp_fwmark_accept"

    /// Whether accepted sockets take the mark of the SYN already.
    public static func isAccepting(_ namespace: borrowing NetworkNamespace) throws(BPFError) -> Bool {
        try namespace.enter { () throws(BPFError) in isAccepting() }
    }

    /// Adds the rule and the route for both families; what is there already stays.
    public static func install(mark: UInt32, in namespace: borrowing NetworkNamespace) throws(BPFError) {
        try namespace.enter { () throws(BPFError) in
            if !isAccepting() { try write("1") }
            let netlink = try Netlink()
            for family in [AF_INET, AF_INET6] {
                try change(netlink, RTM_NEWROUTE, route(family), family)
                try change(netlink, RTM_NEWRULE, rule(family, mark), family)
            }
        }
    }

    /// Removes both again.
    /// - Parameter wasAccepting: whether accepted sockets took the mark before, and still shall.
    public static func remove(
        mark: UInt32, in namespace: borrowing NetworkNamespace, wasAccepting: Bool
    ) throws(BPFError) {
        try namespace.enter { () throws(BPFError) in
            if !wasAccepting { try write("0") }
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

    /// `ip rule add pref NUMBER fwmark MARK lookup NUMBER`.
    private static func rule(_ family: Int32, _ mark: UInt32) -> [UInt8] {
        let action: UInt8 = 1  // FR_ACT_TO_TBL
        let header: [UInt8] = [UInt8(family), 0, 0, 0, UInt8(RT_TABLE_UNSPEC.rawValue), 0, 0, action, 0, 0, 0, 0]
        // FRA_PRIORITY, FRA_FWMARK, FRA_TABLE
        return header + attribute(6, number) + attribute(10, mark) + attribute(15, number)
    }

    /// `ip route add local default dev lo table NUMBER`.
    private static func route(_ family: Int32) -> [UInt8] {
        var message = rtmsg()
        message.rtm_family = UInt8(family)
        message.rtm_table = UInt8(RT_TABLE_UNSPEC.rawValue)
        message.rtm_protocol = UInt8(RTPROT_BOOT)
        message.rtm_scope = UInt8(RT_SCOPE_HOST.rawValue)
        message.rtm_type = UInt8(RTN_LOCAL)
        return withUnsafeBytes(of: &message) { Array($0) } + attribute(Int(RTA_OIF.rawValue), 1)
            + attribute(Int(RTA_TABLE.rawValue), number)
    }

    private static func attribute(_ type: Int, _ value: UInt32) -> [UInt8] {
        [8, 0, UInt8(type), 0] + withUnsafeBytes(of: value) { Array($0) }
    }

    /// The thread's namespace decides which file this is.
    private static func isAccepting() -> Bool { TextFile.lines(sysctl).first.map { $0 != "0" } ?? false }

    private static func write(_ value: String) throws(BPFError) {
        guard let file = fopen(sysctl, "we"), fputs(value, file) >= 0, fclose(file) == 0 else {
            throw BPFError(
                code: errno, operation: "write", subject: sysctl, advice: "TPROXY mode needs it; use REDIRECT mode")
        }
    }
}
