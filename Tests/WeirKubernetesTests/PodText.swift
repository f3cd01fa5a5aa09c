import Foundation

@testable import WeirKubernetes

/// API objects as the API server writes them.
enum PodText {
    static func decode(_ json: String) throws -> Pod {
        try APIServer.decode(Array(json.utf8)).get()
    }

    /// A pod with these containers.
    static func pod(
        annotations: String = "{}", labels: String = "{}", spec: String = "", initContainers: String = "[]",
        containers: String
    ) throws -> Pod {
        try decode(
            """
            {"kind": "Pod", "apiVersion": "v1",
             "metadata": {"name": "cart-0", "namespace": "shop", "uid": "0b0f6d1c-5f0e-4f5a-9a57-6f8e0a1b2c3d",
              "resourceVersion": "42", "creationTimestamp": "2026-01-01T00:00:00Z",
              "labels": \(labels), "annotations": \(annotations)},
             "spec": {"nodeName": "node-1", \(spec) "initContainers": \(initContainers), "containers": \(containers)},
             "status": {"phase": "Running", "podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}, {"ip": "fd00::3"}]}}
            """)
    }

    static let app = #"{"name": "app", "image": "shop/cart:1", "resources": {}}"#

    /// As Istio's injector writes it, shortened.
    static let istioProxy = """
        {"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.24.0",
         "args": ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local"],
         "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                 {"name": "ISTIO_META_INTERCEPTION_MODE", "value": "REDIRECT"}],
         "securityContext": {"allowPrivilegeEscalation": false, "runAsGroup": 1337, "runAsNonRoot": true,
                             "runAsUser": 1337}}
        """

    static func container(_ name: String, user: Int? = nil, group: Int? = nil, more: String = "") -> String {
        var context: [String] = []
        if let user { context.append(#""runAsUser": \#(user)"#) }
        if let group { context.append(#""runAsGroup": \#(group)"#) }
        return #"{"name": "\#(name)", "securityContext": {\#(context.joined(separator: ", "))}\#(more)}"#
    }
}
