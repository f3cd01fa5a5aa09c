import TestSupport

/// The rules that Istio's init container writes (REDIRECT, everything captured, DNS to any server).
final class IPTables: Interceptor {
    private let pods: [Pod]

    init(_ pods: [Pod]) throws {
        self.pods = pods
        for pod in pods {
            try Command.run(["iptables-restore"], in: pod.namespace.place, stdin: Self.rules(.ipv4))
            try Command.run(["ip6tables-restore"], in: pod.namespace.place, stdin: Self.rules(.ipv6))
        }
    }

    /// The connection tracker's entries are the kernel's affair.
    func rememberedConnections() -> Int { 0 }

    func stop() throws {
        for pod in pods {
            try Command.run(["iptables", "-t", "nat", "-F"], in: pod.namespace.place)
            try Command.run(["ip6tables", "-t", "nat", "-F"], in: pod.namespace.place)
        }
    }

    static func rules(_ family: Family) -> String {
        let loopback = family == .ipv4 ? "127.0.0.1/32" : "::1/128"
        let passthrough = family == .ipv4 ? "127.0.0.6/32" : "::6/128"
        let notInbound = [15008, 15020, 15021, 15090]
            .map { "-A ISTIO_INBOUND -p tcp --dport \($0) -j RETURN" }.joined(separator: "\n")
        return """
            *nat
            :ISTIO_INBOUND - [0:0]
            :ISTIO_REDIRECT - [0:0]
            :ISTIO_IN_REDIRECT - [0:0]
            :ISTIO_OUTPUT - [0:0]
            -A PREROUTING -p tcp -j ISTIO_INBOUND
            -A OUTPUT -j ISTIO_OUTPUT
            \(notInbound)
            -A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
            -A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
            -A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
            -A ISTIO_OUTPUT -o lo -s \(passthrough) -j RETURN
            -A ISTIO_OUTPUT -o lo ! -d \(loopback) -p tcp -m multiport ! --dports 53,15008 \
            -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
            -A ISTIO_OUTPUT -o lo -p tcp ! --dport 53 -m owner ! --uid-owner 1337 -j RETURN
            -A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
            -A ISTIO_OUTPUT -o lo ! -d \(loopback) -p tcp ! --dport 15008 \
            -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT
            -A ISTIO_OUTPUT -o lo -p tcp ! --dport 53 -m owner ! --gid-owner 1337 -j RETURN
            -A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN
            -A ISTIO_OUTPUT -p tcp --dport 53 -j REDIRECT --to-ports 15053
            -A ISTIO_OUTPUT -p udp --dport 53 -j REDIRECT --to-ports 15053
            -A ISTIO_OUTPUT -d \(loopback) -j RETURN
            -A ISTIO_OUTPUT -p tcp -j ISTIO_REDIRECT
            COMMIT

            """
    }
}
