import Testing
import WeirCore

@testable import WeirKubernetes

/// How each mesh's own plugin or injector knows its proxy and reads what a pod says.
@Suite struct MeshConventionTests {
    private func meshed(_ pod: Pod) throws -> MeshedPod {
        guard case .meshed(let found) = Membership(pod) else {
            throw InvalidValue("\(Membership(pod)) is not meshed")
        }
        return found
    }

    private func problem(_ pod: Pod) throws -> String {
        guard case .invalid(let sentence) = Membership(pod) else {
            throw InvalidValue("\(Membership(pod)) is not invalid")
        }
        return sentence
    }

    /// As istio-cni (cni/pkg/plugin, NewRedirect), linkerd-cni (cni-plugin, main.go), Kuma's and OSM's injectors have it.
    @Test(
        "a proxy that runs as root is known by its mesh's user or its own group, never as root",
        arguments: [
            ("istio-proxy", 0, 1337, "", "{}", [1337], [1337]),
            ("istio-proxy", 0, 0, "", "{}", [1337], [1337]),
            ("istio-proxy", 0, 3000, "", "{}", [1337], [3000]),
            ("istio-proxy", nil, nil, #""securityContext": {"runAsUser": 0, "runAsGroup": 0},"#, "{}", [1337], [1337]),
            ("istio-proxy", 2000, nil, #""securityContext": {"runAsUser": 0},"#, "{}", [2000], [1337]),
            ("linkerd-proxy", 0, nil, "", "{}", [2102], []),
            ("linkerd-proxy", nil, nil, "", #"{"config.linkerd.io/proxy-uid": "3000"}"#, [3000], []),
            ("linkerd-proxy", 0, nil, "", #"{"config.linkerd.io/proxy-uid": "3000"}"#, [3000], []),
            ("kuma-sidecar", 0, 0, "", "{}", [5678], []),
            ("kuma-sidecar", nil, nil, "", #"{"kuma.io/sidecar-uid": "5679"}"#, [5679], []),
        ] as [(String, Int?, Int?, String, String, [UInt32], [UInt32])])
    func root(
        name: String, user: Int?, group: Int?, spec: String, annotations: String, uids: [UInt32], gids: [UInt32]
    ) throws {
        let proxy = PodText.container(name, user: user, group: group)
        let policy = try meshed(
            PodText.pod(annotations: annotations, spec: spec, containers: "[\(PodText.app), \(proxy)]")
        ).policy
        #expect(policy.proxyUIDs == uids)
        #expect(policy.proxyGIDs == gids)
    }

    @Test("a proxy that is named by hand needs a user of its own", arguments: [nil, 0])
    func handWrittenRoot(user: Int?) throws {
        let containers = "[\(PodText.app), \(PodText.container("edge", user: user))]"
        func pod(_ mesh: String, _ containers: String) throws -> Pod {
            try PodText.pod(
                annotations: #"{"weir.io/mesh": "\#(mesh)", "weir.io/proxy-containers": "edge"}"#,
                containers: containers)
        }
        #expect(try problem(pod("istio", containers)).contains("the proxy container edge has no user of its own"))
        let grouped = "[\(PodText.app), \(PodText.container("edge", user: user, group: 900))]"
        #expect(try meshed(pod("istio", grouped)).policy.proxyGIDs == [900])
        #expect(try meshed(pod("istio", grouped)).policy.proxyUIDs == [])
        // Kuma knows no groups.
        #expect(try problem(pod("kuma", grouped)).contains("no user of its own"))
    }

    @Test("a mesh's sidecar without a user keeps the mesh's, beside a helper with its own")
    func sidecarAndHelper() throws {
        let found = try meshed(
            PodText.pod(
                annotations: #"{"weir.io/proxy-containers": "helper"}"#,
                containers: """
                    [\(PodText.app), \(PodText.container("istio-proxy")), \(PodText.container("helper", user: 901))]
                    """))
        #expect(found.policy.proxyUIDs == [1337, 901])
    }

    @Test(
        "booleans are read as Go reads them",
        arguments: [
            ("1", true), ("t", true), ("T", true), ("TRUE", true), ("True", true), ("0", false), ("FALSE", false),
            ("yes", nil), ("tRUE", nil), ("", nil),
        ] as [(String, Bool?)])
    func booleans(text: String, expected: Bool?) throws {
        func proxy(_ name: String) -> String {
            PodText.container("istio-proxy", more: #", "env": [{"name": "\#(name)", "value": "\#(text)"}]"#)
        }
        let found = try meshed(PodText.pod(containers: "[\(PodText.app), \(proxy("ISTIO_META_DNS_CAPTURE"))]"))
        #expect(found.policy.dns == (expected == true ? .all : .off))
        #expect(found.warnings.isEmpty == (expected != nil))
        let drop = try meshed(PodText.pod(containers: "[\(PodText.app), \(proxy("INVALID_DROP"))]"))
        #expect(drop.policy.dropInvalid == (expected == true))
        let envoyless = Membership(try PodText.pod(containers: "[\(PodText.app), \(proxy("DISABLE_ENVOY"))]"))
        let isExempt = if case .exempt = envoyless { true } else { false }
        #expect(isExempt == (expected == true))
        let said = Membership(
            try PodText.pod(
                annotations: #"{"sidecar.istio.io/inject": "\#(text)"}"#,
                containers: "[\(PodText.app), \(PodText.istioProxy)]"))
        let isOut = if case .exempt = said { true } else { false }
        #expect(isOut == (expected == false))
    }

    @Test("of a variable that is given twice the last counts")
    func lastVariable() throws {
        let variables = #"{"name": "INVALID_DROP", "value": "true"}, {"name": "INVALID_DROP", "value": "false"}"#
        let proxy = PodText.container("istio-proxy", more: #", "env": [\#(variables)]"#)
        #expect(try !meshed(PodText.pod(containers: "[\(PodText.app), \(proxy)]")).policy.dropInvalid)
    }

    @Test("what the mesh ignores keeps no pod from starting, and is said")
    func ignored() throws {
        let kuma = try meshed(
            PodText.pod(
                annotations: #"{"kuma.io/builtindns": "enabled"}"#,
                containers: "[\(PodText.app), \(PodText.container("kuma-sidecar", user: 5678))]"))
        #expect(kuma.policy.dns == .off)
        #expect(kuma.warnings.count == 1 && kuma.warnings[0].contains("kuma.io/builtindns"))
        let linkerd = try meshed(
            PodText.pod(
                annotations: #"{"config.linkerd.io/skip-outbound-ports": "25,http,6000-6001,"}"#,
                containers: "[\(PodText.app), \(PodText.container("linkerd-proxy", user: 2102))]"))
        #expect(linkerd.policy.outboundExcludePorts == [PortRange(25), PortRange(6000, 6001)])
        #expect(linkerd.warnings.count == 2)
        // The mesh's own plugin refuses these (cni-plugin: ParseCIDR; NewRedirect: validatePortList).
        #expect(
            try problem(
                PodText.pod(
                    annotations: #"{"config.linkerd.io/skip-subnets": "10.0.0.0/8,"}"#,
                    containers: "[\(PodText.app), \(PodText.container("linkerd-proxy", user: 2102))]")
            ).contains("skip-subnets"))
    }

    @Test("Linkerd's control plane reaches the API server without its own proxy")
    func controlPlane() throws {
        func policy(_ labels: String) throws -> PolicySpecification {
            try meshed(
                PodText.pod(
                    labels: labels, containers: "[\(PodText.app), \(PodText.container("linkerd-proxy", user: 2102))]")
            ).policy
        }
        let excluded = try policy(#"{"linkerd.io/control-plane-component": "destination"}"#).outboundExcludePorts
        #expect(excluded == [PortRange(4567, 4568), PortRange(443), PortRange(6443)])
        #expect(try policy("{}").outboundExcludePorts == [PortRange(4567, 4568)])
        #expect(
            try policy(#"{"linkerd.io/control-plane-component": ""}"#).outboundExcludePorts == [PortRange(4567, 4568)])
    }

    @Test("Kuma 2.x: its virtual probes and Envoy's admin port are not the sidecar's to take")
    func kumaProbes() throws {
        func excluded(_ annotations: String) throws -> [PortRange] {
            try meshed(
                PodText.pod(
                    annotations: annotations,
                    containers: "[\(PodText.app), \(PodText.container("kuma-sidecar", user: 5678))]")
            ).policy.inboundExcludePorts
        }
        let enabled = #"{"kuma.io/virtual-probes": "enabled", "kuma.io/virtual-probes-port": "19000"}"#
        #expect(try excluded(enabled) == [PortRange(19000)])
        #expect(try excluded(#"{"kuma.io/virtual-probes": "true"}"#) == [PortRange(9000)])
        #expect(
            try excluded(#"{"kuma.io/virtual-probes": "disabled", "kuma.io/virtual-probes-port": "9000"}"#) == [])
        #expect(try excluded(#"{"kuma.io/envoy-admin-port": "9901"}"#) == [PortRange(9901)])
        #expect(try excluded(#"{"kuma.io/envoy-admin-port": "0"}"#) == [])
    }
}
