/// Envoy as Istio configures it: listeners that ask for the original destination, and pass through to it.
public final class Envoy: Sidecar {
    public let process: ChildProcess
    private let logPath: String

    public convenience init(in pod: Pod) throws { try self.init(at: pod.proxy) }

    public init(at place: Place) throws {
        logPath = try Workspace.write("envoy-access.log")
        let configuration = try Workspace.write("envoy.yaml", Self.configuration(logPath: logPath))
        process = try ChildProcess(
            [
                Programs.envoy.get(), "--config-path", configuration, "--concurrency", "2", "--disable-hot-restart",
                "--log-level", "info", "--file-flush-interval-msec", "10",
            ], in: place)
        try process.waitToListen(on: [15001, 15006])
    }

    public var accessLog: [AccessLogEntry] { AccessLogEntry.decodeLines(Workspace.read(logPath)) }

    static func configuration(logPath: String) -> String {
        """
        admin:
          address: {socket_address: {address: 127.0.0.1, port_value: 15000}}
        static_resources:
          listeners:
          - name: virtualOutbound
            traffic_direction: OUTBOUND
            use_original_dst: true
            address: {socket_address: {address: 0.0.0.0, port_value: 15001}}
            additional_addresses:
            - address: {socket_address: {address: "::", port_value: 15001}}
            filter_chains:
        \(filterChain("outbound", cluster: "PassthroughCluster", match: nil, logPath: logPath))
          - name: virtualInbound
            traffic_direction: INBOUND
            address: {socket_address: {address: 0.0.0.0, port_value: 15006}}
            additional_addresses:
            - address: {socket_address: {address: "::", port_value: 15006}}
            listener_filters:
            - name: envoy.filters.listener.original_dst
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst
            filter_chains:
        \(filterChain("inbound", cluster: "InboundPassthroughCluster", match: "0.0.0.0", logPath: logPath))
        \(filterChain("inbound", cluster: "InboundPassthroughCluster6", match: "::0", logPath: logPath))
          clusters:
        \(cluster("PassthroughCluster", source: nil))
        \(cluster("InboundPassthroughCluster", source: "127.0.0.6"))
        \(cluster("InboundPassthroughCluster6", source: "::6"))
        """
    }

    private static func filterChain(_ direction: String, cluster: String, match: String?, logPath: String) -> String {
        let matching = match.map {
            "      filter_chain_match: {prefix_ranges: [{address_prefix: \"\($0)\", prefix_len: 0}]}\n"
        }
        return """
                - name: \(cluster)
            \(matching ?? "")      filters:
                  - name: envoy.filters.network.tcp_proxy
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                      stat_prefix: \(cluster)
                      cluster: \(cluster)
                      access_log:
                      - name: envoy.access_loggers.file
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
                          path: \(logPath)
                          log_format:
                            json_format:
                              direction: \(direction)
                              origin: "%DOWNSTREAM_LOCAL_ADDRESS%"
                              client: "%DOWNSTREAM_REMOTE_ADDRESS%"
                              upstream: "%UPSTREAM_HOST%"
            """
    }

    private static func cluster(_ name: String, source: String?) -> String {
        let binding = source.map {
            "\n    upstream_bind_config: {source_address: {address: \"\($0)\", port_value: 0}}"
        }
        return """
              - name: \(name)
                type: ORIGINAL_DST
                lb_policy: CLUSTER_PROVIDED
                connect_timeout: 10s\(binding ?? "")
            """
    }
}
