/// HAProxy as a transparent sidecar: it connects to the address that SO_ORIGINAL_DST names.
public final class HAProxy: Sidecar {
    public let process: ChildProcess

    public init(in pod: Pod) throws {
        let configuration = try Workspace.write("haproxy.cfg", Self.configuration)
        let program = try Programs.haproxy.get()
        process = try ChildProcess([program, "-db", "-f", configuration], in: pod.proxy)
        try process.waitForLine("Loading success", in: .errors)
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
            \(logFormat("outbound"))
            option transparent
        frontend inbound
            bind 0.0.0.0:15006
            bind [::]:15006 v6only
            \(logFormat("inbound"))
            acl ipv6 dst -m ip ::/0
            use_backend inbound6 if ipv6
            default_backend inbound4
        backend inbound4
            source 127.0.0.6
            option transparent
        backend inbound6
            source ::6
            option transparent

        """

    private static func logFormat(_ direction: String) -> String {
        #"log-format '{"direction": "\#(direction)", "origin": "[%[dst]]:%[dst_port]", "client": "[%ci]:%cp", "#
            + #""upstream": "[%si]:%sp"}'"#
    }
}
