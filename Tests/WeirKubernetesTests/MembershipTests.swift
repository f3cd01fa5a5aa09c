import Testing
import WeirCore

@testable import WeirKubernetes

@Suite struct MembershipTests {
    private func meshed(_ pod: Pod) throws -> MeshedPod {
        guard case .meshed(let found) = Membership(pod) else {
            throw InvalidValue("\(Membership(pod)) is not meshed")
        }
        return found
    }

    private func reason(_ pod: Pod) throws -> String {
        guard case .exempt(let reason) = Membership(pod) else { throw InvalidValue("\(Membership(pod)) is not exempt") }
        return reason
    }

    private func problem(_ pod: Pod) throws -> String {
        guard case .invalid(let sentence) = Membership(pod) else {
            throw InvalidValue("\(Membership(pod)) is not invalid")
        }
        return sentence
    }

    @Test("an injected sidecar: mesh, users and what the annotations say")
    func injected() throws {
        let found = try meshed(
            PodText.pod(
                annotations: """
                    {"sidecar.istio.io/status": "{}", "traffic.sidecar.istio.io/excludeOutboundPorts": "9000",
                     "kubectl.kubernetes.io/last-applied-configuration": "{}"}
                    """,
                containers: "[\(PodText.app), \(PodText.istioProxy)]"))
        #expect(found.mesh == "istio")
        #expect(found.proxies == ["istio-proxy"])
        #expect(found.policy.proxyUIDs == [1337])
        #expect(found.policy.proxyGIDs == [1337])
        #expect(found.policy.outboundExcludePorts == [PortRange(9000)])
        #expect(found.policy.inboundExcludePorts.contains(PortRange(15021)))
        #expect(found.iptablesContainer == nil)
    }

    @Test("the proxy's user is the container's, else the pod's, else the mesh's")
    func users() throws {
        func users(_ context: String, _ container: String) throws -> [UInt32] {
            try meshed(PodText.pod(spec: context, containers: "[\(PodText.app), \(container)]")).policy.proxyUIDs
        }
        let pod = #""securityContext": {"runAsUser": 2000},"#
        #expect(try users(pod, PodText.container("istio-proxy", user: 1_000_700_001)) == [1_000_700_001])
        #expect(try users(pod, PodText.container("istio-proxy")) == [2000])
        #expect(try users("", PodText.container("istio-proxy")) == [1337])
        #expect(try users("", PodText.container("linkerd-proxy")) == [2102])
        #expect(try users("", PodText.container("kuma-sidecar", user: 5679)) == [5679])
    }

    @Test("a native sidecar is an init container that stays")
    func native() throws {
        let found = try meshed(
            PodText.pod(
                initContainers: """
                    [\(PodText.container("istio-validation")),
                     \(PodText.container("istio-proxy", user: 1337, group: 1337, more: #", "restartPolicy": "Always""#))]
                    """,
                containers: "[\(PodText.app)]"))
        #expect(found.proxies == ["istio-proxy"])
        #expect(found.policy.proxyUIDs == [1337])
    }

    @Test("an init container that ends is no sidecar")
    func notNative() throws {
        let pod = try PodText.pod(
            initContainers: "[\(PodText.container("istio-proxy", user: 1337))]", containers: "[\(PodText.app)]")
        #expect(try reason(pod) == "it has no sidecar")
    }

    @Test("two meshes' sidecars in one pod are both proxies")
    func severalProxies() throws {
        let found = try meshed(
            PodText.pod(
                containers: """
                    [\(PodText.app), \(PodText.container("linkerd-proxy", user: 2102)), \(PodText.istioProxy)]
                    """))
        #expect(found.mesh == "istio")
        #expect(found.policy.proxyUIDs == [2102, 1337])
    }

    @Test("a sidecar that nobody injected is named by annotations")
    func handWritten() throws {
        let sidecars = [PodText.container("edge", user: 900), PodText.container("helper", user: 901)]
        let containers = "[\(PodText.app), \(sidecars.joined(separator: ", "))]"
        let found = try meshed(
            PodText.pod(
                annotations: #"{"weir.io/mesh": "istio", "weir.io/proxy-containers": "edge, helper"}"#,
                containers: containers))
        #expect(found.proxies == ["edge", "helper"])
        #expect(found.policy.proxyUIDs == [900, 901])
        #expect(
            try problem(
                PodText.pod(annotations: #"{"weir.io/proxy-containers": "edge"}"#, containers: containers)
            ).contains("add weir.io/mesh"))
        #expect(
            try problem(
                PodText.pod(annotations: #"{"weir.io/proxy-containers": "edg"}"#, containers: containers)
            ).contains("the containers that stay are app, edge, helper"))
        #expect(
            try problem(PodText.pod(annotations: #"{"weir.io/mesh": "istoi"}"#, containers: containers))
                .contains("should be one of istio, linkerd, kuma, osm"))
    }

    @Test(
        "what is left alone, and the reason that people read",
        arguments: [
            (#"{"weir.io/intercept": "false"}"#, "{}", "", "weir.io/intercept is false"),
            (#"{"sidecar.istio.io/inject": "false"}"#, "{}", "", "it opted out with sidecar.istio.io/inject: false"),
            ("{}", #"{"sidecar.istio.io/inject": "false"}"#, "", "it opted out with sidecar.istio.io/inject: false"),
            (
                #"{"inject.istio.io/templates": "grpc-agent"}"#, "{}", "",
                "it is a proxyless gRPC pod (inject.istio.io/templates: grpc-agent), "
                    + "whose application talks to the mesh itself"
            ),
            ("{}", "{}", #""hostNetwork": true,"#, "it shares the node's network namespace (hostNetwork)"),
            (
                #"{"weir.io/intercept": "true"}"#, "{}", #""hostNetwork": true,"#,
                "it shares the node's network namespace (hostNetwork)"
            ),
        ])
    func exempt(annotations: String, labels: String, spec: String, expected: String) throws {
        let pod = try PodText.pod(
            annotations: annotations, labels: labels, spec: spec, containers: "[\(PodText.app), \(PodText.istioProxy)]")
        #expect(try reason(pod) == expected)
    }

    @Test("gateways and Envoy-less agents run as istio-proxy, too")
    func gateways() throws {
        let router = PodText.container("istio-proxy", more: #", "args": ["proxy", "router"]"#)
        #expect(try reason(PodText.pod(containers: "[\(router)]")) == "its istio-proxy is a router, not a sidecar")
        let agent = PodText.container("istio-proxy", more: #", "env": [{"name": "DISABLE_ENVOY", "value": "true"}]"#)
        #expect(try reason(PodText.pod(containers: "[\(PodText.app), \(agent)]")).contains("DISABLE_ENVOY"))
    }

    @Test("weir.io/intercept: true goes before the mesh's opt-out, and needs a sidecar")
    func forced() throws {
        let both = #"{"weir.io/intercept": "true", "sidecar.istio.io/inject": "false"}"#
        #expect(
            try meshed(PodText.pod(annotations: both, containers: "[\(PodText.app), \(PodText.istioProxy)]")).mesh
                == "istio")
        #expect(
            try problem(PodText.pod(annotations: both, containers: "[\(PodText.app)]"))
                .contains("no container is a known sidecar"))
        #expect(
            try problem(PodText.pod(annotations: #"{"weir.io/intercept": "yes"}"#, containers: "[\(PodText.app)]"))
                == #"shop/cart-0: weir.io/intercept should be "true" or "false", but is "yes""#)
    }

    @Test("what an annotation gets wrong is named")
    func wrongAnnotation() throws {
        let sentence = try problem(
            PodText.pod(
                annotations: #"{"traffic.sidecar.istio.io/excludeOutboundPorts": "80,http"}"#,
                containers: "[\(PodText.app), \(PodText.istioProxy)]"))
        #expect(sentence.contains("shop/cart-0: traffic.sidecar.istio.io/excludeOutboundPorts"))
        #expect(sentence.contains("http"))
    }

    @Test("an init container that writes rules is noticed")
    func rules() throws {
        for (proxy, container) in [
            ("istio-proxy", "istio-init"), ("linkerd-proxy", "linkerd-init"), ("kuma-sidecar", "kuma-init"),
        ] {
            let found = try meshed(
                PodText.pod(
                    initContainers: "[\(PodText.container(container))]",
                    containers: "[\(PodText.app), \(PodText.container(proxy))]"))
            #expect(found.iptablesContainer == container)
        }
    }

    @Test("an application called envoy is not OSM's sidecar")
    func plainEnvoy() throws {
        let containers = "[\(PodText.container("envoy", user: 1500))]"
        #expect(try reason(PodText.pod(containers: containers)) == "it has no sidecar")
        #expect(
            try meshed(PodText.pod(labels: #"{"osm-proxy-uuid": "x"}"#, containers: containers)).mesh == "osm")
    }

    @Test("the environment of Istio's proxy turns DNS capture on")
    func environment() throws {
        let proxy = PodText.container(
            "istio-proxy", more: #", "env": [{"name": "ISTIO_META_DNS_CAPTURE", "value": "true"}]"#)
        #expect(try meshed(PodText.pod(containers: "[\(PodText.app), \(proxy)]")).policy.dns == .all)
    }

    @Test("a pod with users of its own is refused: its proxy's number is another on the node")
    func userNamespace() throws {
        let pod = try PodText.pod(
            spec: #""hostUsers": false,"#, containers: "[\(PodText.app), \(PodText.istioProxy)]")
        #expect(try problem(pod).contains("hostUsers: false"))
    }

    @Test("addresses and phases")
    func objects() throws {
        let pod = try PodText.pod(containers: "[\(PodText.app)]")
        #expect(pod.addresses == ["10.1.2.3", "fd00::3"])
        #expect(!pod.isOver)
    }

    @Test("only the kubelet's mirror of a static pod is known by another uid than its own")
    func staticPods() throws {
        let hash = "8b0b1d5cf24c1b3c0c7b5ad2e8b3f7a1"
        func uid(_ source: String?, mirror: Bool = true, hash: String = hash, owner: String = "node-1") throws -> String
        {
            var annotations = [#""kubernetes.io/config.hash": "\#(hash)""#]
            if mirror { annotations.append(#""kubernetes.io/config.mirror": "\#(hash)""#) }
            if let source { annotations.append(#""kubernetes.io/config.source": "\#(source)""#) }
            let text = """
                {"metadata": {"name": "proxy-node-1", "namespace": "kube-system", "uid": "own",
                  "annotations": {\(annotations.joined(separator: ", "))},
                  "ownerReferences": [{"kind": "Node", "name": "\(owner)", "apiVersion": "v1", "uid": "x"}]},
                 "spec": {"nodeName": "node-1", "containers": []}}
                """
            return try PodText.decode(text).nodeUID
        }
        #expect(try uid("file") == hash)
        #expect(try uid("http") == hash)
        #expect(try uid("api") == "own")
        #expect(try uid(nil) == "own")
        #expect(try uid("file", mirror: false) == "own")
        #expect(try uid("file", owner: "node-2") == "own")
        #expect(try uid("file", hash: "../../x") == "own")
    }

    @Test("what names a pod could be a name; annotations of nobody's are not kept")
    func names() throws {
        for (old, new) in [
            ("cart-0", "../cart"), ("shop", "Shop!"), ("0b0f6d1c", "../0b0f6d1c"), ("cart-0", ""),
            ("cart-0", String(repeating: "a", count: 254)),
        ] {
            let text = """
                {"metadata": {"name": "cart-0", "namespace": "shop", "uid": "0b0f6d1c"}, "spec": {"containers": []}}
                """
            _ = try PodText.decode(text)
            #expect(throws: OddPod.self) { try PodText.decode(text.replacing(old, with: new)) }
        }
        let others = (0..<20_000).map { #""a\#($0)": "b""# }.joined(separator: ", ")
        let pod = try PodText.pod(
            annotations: #"{"weir.io/intercept": "true", \#(others)}"#, containers: "[\(PodText.app)]")
        #expect(pod.annotations == ["weir.io/intercept": "true"])
        let many = (0..<330).map { #""a\#($0).istio.io/x": "b""# }.joined(separator: ", ")
        #expect(throws: OddPod.self) { try PodText.pod(annotations: "{\(many)}", containers: "[]") }
    }

    /// One that is read somewhere and not kept when objects are decoded would never be seen.
    @Test("every annotation that Weir reads is kept")
    func keptAnnotations() throws {
        let names = Set(Profile.all.flatMap { $0.annotations.map(\.name) })
        let all = names.sorted().map { #""\#($0)": "1""# }.joined(separator: ", ")
        let others = (0..<100).map { #""a\#($0)": "b""# }.joined(separator: ", ")
        let pod = try PodText.pod(annotations: "{\(all), \(others)}", containers: "[]")
        #expect(Set(pod.annotations.keys) == names)
    }
}
