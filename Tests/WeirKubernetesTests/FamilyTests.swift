import Testing
import WeirCore

@testable import WeirKubernetes

/// Which address families each mesh's own plugin or init container captures in a pod.
@Suite struct FamilyTests {
    private static let ipv4 = "10.1.2.3"
    private static let ipv6 = "fd00::3"
    private static let loopbacks = ["127.0.0.1", "::1", "::6"]

    /// - Istio: the family of the first address, and the kernel lists IPv4 first; both where the proxy is told so.
    /// - Linkerd: where its proxy listens.
    /// - Kuma: both, unless an annotation says otherwise.
    /// - OSM: IPv4.
    @Test(
        "whether a pod's IPv6 is captured",
        arguments: [
            ("istio-proxy", [:], [ipv4, ipv6], "{}", false),
            ("istio-proxy", [:], [ipv6, ipv4], "{}", false),
            ("istio-proxy", [:], [ipv6], "{}", true),
            ("istio-proxy", [:], [ipv4], "{}", false),
            ("istio-proxy", [:], ["169.254.7.7", "fe80::1", ipv6], "{}", true),
            ("istio-proxy", ["ISTIO_DUAL_STACK": "true"], [ipv4, ipv6], "{}", true),
            ("istio-proxy", ["ISTIO_DUAL_STACK": "T"], [ipv6, ipv4], "{}", true),
            ("istio-proxy", ["ISTIO_AGENT_DUAL_STACK": "true"], [ipv4, ipv6], "{}", true),
            ("istio-proxy", ["ISTIO_DUAL_STACK": "false"], [ipv4, ipv6], "{}", false),
            ("istio-proxy", ["ISTIO_DUAL_STACK": "yes"], [ipv4, ipv6], "{}", false),
            ("linkerd-proxy", [:], [ipv4, ipv6], "{}", false),
            (
                "linkerd-proxy",
                [
                    "LINKERD2_PROXY_INBOUND_LISTEN_ADDR": "0.0.0.0:4143",
                    "LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR": "127.0.0.1:4140",
                    "LINKERD2_PROXY_OUTBOUND_LISTEN_ADDRS": "127.0.0.1:4140",
                ], [ipv4, ipv6], "{}", false
            ),
            (
                "linkerd-proxy",
                [
                    "LINKERD2_PROXY_INBOUND_LISTEN_ADDR": "[::]:4143",
                    "LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR": "127.0.0.1:4140",
                    "LINKERD2_PROXY_OUTBOUND_LISTEN_ADDRS": "127.0.0.1:4140,[::1]:4140",
                ], [ipv4, ipv6], "{}", true
            ),
            ("linkerd-proxy", ["LINKERD2_PROXY_INBOUND_LISTEN_ADDR": "[::]:4143"], [ipv4, ipv6], "{}", true),
            ("kuma-sidecar", [:], [ipv4, ipv6], "{}", true),
            (
                "kuma-sidecar", [:], [ipv4, ipv6], #"{"kuma.io/transparent-proxying-ip-family-mode": "ipv4"}"#, false
            ),
            (
                "kuma-sidecar", [:], [ipv4, ipv6], #"{"kuma.io/transparent-proxying-ip-family-mode": "dualstack"}"#,
                true
            ),
            ("kuma-sidecar", [:], [ipv4, ipv6], #"{"kuma.io/transparent-proxying-inbound-v6-port": "0"}"#, false),
            ("kuma-sidecar", [:], [ipv4, ipv6], #"{"kuma.io/transparent-proxying-inbound-v6-port": "15010"}"#, true),
            (
                "kuma-sidecar", [:], [ipv4, ipv6],
                #"{"traffic.kuma.io/transparent-proxy-config": "ipFamilyMode: ipv4"}"#, false
            ),
            ("envoy", [:], [ipv4, ipv6], "{}", false),
            ("envoy", [:], [ipv6], "{}", false),
        ] as [(String, [String: String], [String], String, Bool)])
    func families(
        proxy: String, environment: [String: String], addresses: [String], annotations: String, expected: Bool
    ) throws {
        let policy = try policy(proxy, environment, addresses + Self.loopbacks, annotations)
        #expect(policy.capturesIPv6 == expected)
        #expect(policy.capturesIPv4)
        // As the kernel's rules have it.
        let outside = try #require(Address("2001:db8::7"))
        let attempt = Attempt(.outbound, to: outside, port: 80, uid: 1000)
        let decision = try PolicyCompiler.compile(policy).decide(attempt)
        #expect((decision.verdict == .outbound) == expected && (decision.reason == .family) != expected)
    }

    @Test("why a family is left alone is cited")
    func citations() throws {
        func source(_ proxy: String, _ environment: [String: String], _ annotations: String = "{}") throws -> String {
            let policy = try policy(proxy, environment, [Self.ipv4, Self.ipv6], annotations)
            let outside = try #require(Address("2001:db8::7"))
            return try PolicyCompiler.compile(policy).decide(
                Attempt(.outbound, to: outside, port: 80, uid: 1000)
            ).source
        }
        #expect(try source("istio-proxy", [:]) == "the family of the pod's first address")
        let addresses = "LINKERD2_PROXY_OUTBOUND_LISTEN_ADDRS"
        #expect(try source("linkerd-proxy", [addresses: "127.0.0.1:4140"]) == addresses)
        #expect(try source("linkerd-proxy", [:]) == "profile linkerd")
        let port = "kuma.io/transparent-proxying-inbound-v6-port"
        #expect(try source("kuma-sidecar", [:], #"{"\#(port)": "0"}"#) == port)
    }

    private func policy(
        _ proxy: String, _ environment: [String: String], _ addresses: [String], _ annotations: String
    ) throws -> PolicySpecification {
        let variables = environment.map { #"{"name": "\#($0)", "value": "\#($1)"}"# }.joined(separator: ", ")
        let container = PodText.container(proxy, user: 1500, more: #", "env": [\#(variables)]"#)
        let pod = try PodText.pod(
            annotations: annotations, labels: proxy == "envoy" ? #"{"osm-proxy-uuid": "x"}"# : "{}",
            containers: "[\(PodText.app), \(container)]")
        guard case .meshed(let found) = Membership(pod) else {
            throw InvalidValue("\(Membership(pod)) is not meshed")
        }
        return found.policy(in: addresses.compactMap { Address($0) })
    }
}
