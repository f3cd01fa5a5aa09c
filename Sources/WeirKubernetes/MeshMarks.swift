import WeirCore

/// How a mesh's injector marks a pod: names that its containers have and annotations that it reads.
struct MeshMarks: Sendable {
    let profile: Profile
    /// The sidecar's container.
    let sidecar: String
    /// Init containers that write iptables rules; a pod with one needs no other interception.
    let iptablesContainers: [String]
    /// Labels or annotations by which a pod says that it wants no sidecar.
    let optOut: (key: String, values: Set<String>)

    /// - istio/istio manifests/charts/istio-control/istio-discovery/files/injection-template.yaml, cni/pkg/plugin
    /// - linkerd/linkerd2 pkg/k8s/labels.go
    /// - kumahq/kuma pkg/plugins/runtime/k8s/metadata, pkg/util
    /// - openservicemesh/osm pkg/constants
    static let all = [
        MeshMarks(
            profile: .istio, sidecar: "istio-proxy", iptablesContainers: ["istio-init"],
            optOut: ("sidecar.istio.io/inject", ["false", "n", "no", "off"])),
        MeshMarks(
            profile: .linkerd, sidecar: "linkerd-proxy", iptablesContainers: ["linkerd-init"],
            optOut: ("linkerd.io/inject", ["disabled"])),
        MeshMarks(
            profile: .kuma, sidecar: "kuma-sidecar", iptablesContainers: ["kuma-init"],
            optOut: ("kuma.io/sidecar-injection", ["disabled", "false"])),
        MeshMarks(
            profile: .osm, sidecar: "envoy", iptablesContainers: ["osm-init"],
            optOut: ("openservicemesh.io/sidecar-injection", ["disabled", "false", "no"])),
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
        guard let value, optOut.values.contains(value.lowercased()) else { return nil }
        return "\(optOut.key): \(value)"
    }
}
