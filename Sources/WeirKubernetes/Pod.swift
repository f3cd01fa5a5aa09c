/// The part of a Pod (Kubernetes API, core/v1) that says whether and how its traffic is intercepted.
public struct Pod: Decodable, Sendable {
    public var metadata: Metadata
    public var spec: Specification
    public var status: Status?

    public struct Metadata: Decodable, Sendable {
        public var name: String
        public var namespace: String
        public var uid: String
        public var resourceVersion: String?
        public var labels: [String: String]?
        public var annotations: [String: String]?
        public var deletionTimestamp: String?
    }

    public struct Specification: Decodable, Sendable {
        public var nodeName: String?
        public var hostNetwork: Bool?
        /// False: the pod has a user namespace, in which its users have other numbers than on the node.
        public var hostUsers: Bool?
        public var securityContext: SecurityContext?
        public var initContainers: [Container]?
        public var containers: [Container]
    }

    /// Of a pod or of a container; a container's comes before its pod's.
    public struct SecurityContext: Decodable, Sendable {
        public var runAsUser: Int64?
        public var runAsGroup: Int64?
    }

    public struct Container: Decodable, Sendable {
        public var name: String
        public var args: [String]?
        public var env: [Variable]?
        /// Of an init container: `Always` makes it a sidecar, which starts first and stays (KEP-753).
        public var restartPolicy: String?
        public var securityContext: SecurityContext?
    }

    /// An environment variable; `value` is nil where the value comes from elsewhere.
    public struct Variable: Decodable, Sendable {
        public var name: String
        public var value: String?
    }

    public struct Status: Decodable, Sendable {
        public var phase: String?
        public var podIP: String?
        public var podIPs: [IP]?

        public struct IP: Decodable, Sendable {
            public var ip: String
        }
    }
}

extension Pod.Container {
    /// The value of an environment variable; of several the last counts, as it does in the container.
    func variable(_ name: String) -> String? { env?.last { $0.name == name }?.value }
}

extension Pod {
    /// What people call it: "shop/cart-0".
    public var name: String { "\(metadata.namespace)/\(metadata.name)" }

    public var annotations: [String: String] { metadata.annotations ?? [:] }

    /// The uid in cgroup paths. The pod of a file on the node (a static pod) is in the API only as its mirror, with
    /// another uid (kubernetes/kubernetes pkg/kubelet/types, ConfigHashAnnotationKey).
    public var nodeUID: String {
        annotations["kubernetes.io/config.mirror"] ?? annotations["kubernetes.io/config.hash"] ?? metadata.uid
    }

    /// Whether all its containers have ended for good; its address may be another pod's by now.
    public var isOver: Bool { status?.phase == "Succeeded" || status?.phase == "Failed" }

    public var addresses: [String] {
        let all = (status?.podIPs ?? []).map(\.ip)
        return all.isEmpty ? [status?.podIP].compactMap(\.self).filter { !$0.isEmpty } : all
    }

    /// The containers that run beside each other: the ordinary ones and the native sidecars.
    var lastingContainers: [Container] {
        (spec.initContainers ?? []).filter { $0.restartPolicy == "Always" } + spec.containers
    }

    /// Init containers that end before the ordinary ones start.
    var passingContainers: [Container] { (spec.initContainers ?? []).filter { $0.restartPolicy != "Always" } }
}
