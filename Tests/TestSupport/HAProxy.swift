/// HAProxy as a transparent sidecar: it connects to the address that SO_ORIGINAL_DST names.
///
/// HAProxy asks for the original destination of IPv4 connections only (`sock_inet_get_dst`); over IPv6 it takes the
/// accepted socket's own address. That is right where packets are not rewritten (TPROXY, sk_lookup), and is its own
/// port after a REDIRECT: the rules against ports 15001 and 15006 keep it from then calling itself for ever.
public final class HAProxy: Sidecar {
    public let process: ChildProcess

    public init(in pod: Pod) throws {
        let configuration = try Workspace.write("haproxy.cfg", Self.configuration)
        let program = try Programs.haproxy.get()
        process = try ChildProcess([program, "-db", "-f", configuration], in: pod.proxy)
        try process.waitToListen(on: [15001, 15006])
    }

    /// It logs to standard output.
    public var accessLog: [AccessLogEntry] { AccessLogEntry.decodeLines(process.output) }

    static let configuration = """
        global
            maxconn 4000
            nbthread 2
            log stdout format raw local0 info
        defaults
            mode tcp
            log global
            timeout connect 10s
            timeout client 60s
            timeout server 60s
            option splice-auto
        listen outbound
            bind 0.0.0.0:15001
            bind [::]:15001 v6only
            \(pass("outbound"))
        listen inbound4
            bind 0.0.0.0:15006
            source 127.0.0.6
            \(pass("inbound"))
        listen inbound6
            bind [::]:15006 v6only
            source [::6]:0
            \(pass("inbound"))

        """

    private static func pass(_ direction: String) -> String {
        #"""
        option transparent
            tcp-request content reject if { dst_port 15001 15006 }
            log-format '{"direction": "\#(direction)", "origin": "[%[dst]]:%[dst_port]", \#
        "client": "[%ci]:%cp", "upstream": "[%si]:%sp"}'
        """#
    }
}
