import WeirCore

extension Membership {
    /// Why a pod with a sidecar is left alone, as its mesh would leave it alone; nil when it is not.
    static func exemption(_ pod: Pod, _ marks: MeshMarks, _ proxies: [Pod.Container]) -> String? {
        if let reason = proxylessReason(pod) { return reason }
        if let said = marks.optedOut(pod) { return "it opted out with \(said)" }
        switch marks.profile.name {
        case "istio": return istio(pod, proxies.first { $0.name == marks.sidecar })
        case "kuma" where pod.annotations["kuma.io/transparent-proxying"] == "disabled":
            return "it opted out with kuma.io/transparent-proxying: disabled"
        default: return nil
        }
    }

    /// A gRPC application that is its own proxy has an agent beside it that only brings certificates
    /// (istio.io, "gRPC proxyless load balancing").
    static func proxylessReason(_ pod: Pod) -> String? {
        let templates = (pod.annotations["inject.istio.io/templates"] ?? "").split(separator: ",").map {
            $0.drop { $0 == " " }
        }
        guard templates.contains("grpc-agent"), !templates.contains("sidecar") else { return nil }
        return "it is a proxyless gRPC pod (inject.istio.io/templates: grpc-agent), "
            + "whose application talks to the mesh itself"
    }

    /// As istio/istio cni/pkg/plugin, doAddRun: what runs as a gateway, or without an Envoy, has nothing redirected.
    private static func istio(_ pod: Pod, _ sidecar: Pod.Container?) -> String? {
        if let arguments = sidecar?.args, arguments.count > 1, arguments[0] == "proxy", arguments[1] != "sidecar" {
            return "its istio-proxy is a \(arguments[1]), not a sidecar"
        }
        let isDisabled = sidecar?.variable("DISABLE_ENVOY").flatMap(GoBoolean.parse) ?? false
        return isDisabled ? "its istio-proxy runs without Envoy (DISABLE_ENVOY)" : nil
    }
}
