import WeirCore

/// How a mesh's injector marks a pod: names that its containers have and annotations that it reads.
struct MeshMarks: Sendable {
    let profile: Profile
    /// The sidecar's container.
    let sidecar: String
    /// Init containers that write iptables rules; a pod with one needs no other interception.
    let iptablesContainers: [String]
    /// The label or annotation by which a pod says that it wants no sidecar, as the mesh reads it.
    let optOut: (key: String, isSaidBy: @Sendable (String) -> Bool)

    /// - istio/istio manifests/charts/istio-control/istio-discovery/files/injection-template.yaml, cni/pkg/plugin
    /// - linkerd/linkerd2 pkg/k8s/labels.go
    /// - kumahq/kuma pkg/plugins/runtime/k8s/metadata, pkg/util
    /// - openservicemesh/osm pkg/constants
    static let all = [
        MeshMarks(
            profile: .istio, sidecar: "istio-proxy", iptablesContainers: ["istio-init"],
            optOut: ("sidecar.istio.io/inject", { GoBoolean.parse($0) == false })),
        MeshMarks(
            profile: .linkerd, sidecar: "linkerd-proxy", iptablesContainers: ["linkerd-init"],
            optOut: ("linkerd.io/inject", { $0 == "disabled" })),
        MeshMarks(
            profile: .kuma, sidecar: "kuma-sidecar", iptablesContainers: ["kuma-init"],
            optOut: ("kuma.io/sidecar-injection", { ["disabled", "false", "no"].contains($0) })),
        MeshMarks(
            profile: .osm, sidecar: "envoy", iptablesContainers: ["osm-init"],
            optOut: ("openservicemesh.io/sidecar-injection", { ["disabled", "false", "no"].contains($0.lowercased()) })),
    ]

    /// OSM calls its sidecar just "envoy", as hand-made ones may be called; its label tells them apart.
    func marks(_ pod: Pod) -> Bool {
        guard profile.name == "osm" else { return true }
        return pod.metadata.labels?["osm-proxy-uuid"] != nil
            || pod.annotations["openservicemesh.io/sidecar-injection"] != nil
    }

    /// The label or annotation by which the pod has opted out; labels come first, as with Istio.
    func optedOut(_ pod: Pod) -> String? {
        let value = pod.metadata.labels?[optOut.key] ?? pod.annotations[optOut.key]
        guard let value, optOut.isSaidBy(value) else { return nil }
        return "\(optOut.key): \(value)"
    }
}
