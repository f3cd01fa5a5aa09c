/// The part of a Pod (Kubernetes API, core/v1) that says whether and how its traffic is intercepted.
public struct Pod: Decodable, Hashable, Sendable {
    public var metadata: Metadata
    public var spec: Specification
    public var status: Status?

    public struct Metadata: Decodable, Hashable, Sendable {
        public var name: String
        public var namespace: String
        public var uid: String
        public var resourceVersion: String?
        public var creationTimestamp: String?
        /// Of labels and annotations, those that say something of interception.
        public var labels: [String: String]?
        public var annotations: [String: String]?
        public var deletionTimestamp: String?
        public var ownerReferences: [Owner]?
    }

    public struct Owner: Decodable, Hashable, Sendable {
        public var kind: String
        public var name: String
    }

    public struct Specification: Decodable, Hashable, Sendable {
        public var nodeName: String?
        public var hostNetwork: Bool?
        /// False: the pod has a user namespace, in which its users have other numbers than on the node.
        public var hostUsers: Bool?
        public var securityContext: SecurityContext?
        public var initContainers: [Container]?
        public var containers: [Container]
    }

    /// Of a pod or of a container; a container's comes before its pod's.
    public struct SecurityContext: Decodable, Hashable, Sendable {
        public var runAsUser: Int64?
        public var runAsGroup: Int64?
    }

    public struct Container: Decodable, Hashable, Sendable {
        public var name: String
        public var args: [String]?
        public var env: [Variable]?
        /// Of an init container: `Always` makes it a sidecar, which starts first and stays (KEP-753).
        public var restartPolicy: String?
        public var securityContext: SecurityContext?
    }

    /// An environment variable; `value` is nil where the value comes from elsewhere.
    public struct Variable: Decodable, Hashable, Sendable {
        public var name: String
        public var value: String?
    }

    public struct Status: Decodable, Hashable, Sendable {
        public var phase: String?
        public var podIP: String?
        public var podIPs: [IP]?

        public struct IP: Decodable, Hashable, Sendable {
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

    /// The uid in cgroup paths. A static pod, of a file on the node, is in the API only as its mirror, with another uid
    /// (kubernetes/kubernetes pkg/kubelet/types, ConfigHashAnnotationKey). What the kubelet writes into a mirror, everybody
    /// may write into a pod, so the word of one that is not whole does not count; that of one that is, see `PodClaims`.
    public var nodeUID: String {
        guard isMirror, let hash = annotations["kubernetes.io/config.hash"], PodName.isUID(hash) else {
            return metadata.uid
        }
        return hash
    }

    /// Whether it is said to be the kubelet's mirror of a static pod (pkg/kubelet/pod/mirror_client.go, CreateMirrorPod):
    /// owned by its node, of a file or an address, and not of the API.
    private var isMirror: Bool {
        guard let node = spec.nodeName, annotations["kubernetes.io/config.mirror"] != nil,
            let source = annotations["kubernetes.io/config.source"], ["file", "http"].contains(source)
        else { return false }
        return metadata.ownerReferences?.contains { $0.kind == "Node" && $0.name == node } ?? false
    }

    /// Equal for objects that say the same of interception: what makes a new version may be of no interest. Not guessable.
    public var digest: Int {
        var hasher = Hasher()
        hasher.combine(name)
        hasher.combine(metadata.labels)
        hasher.combine(metadata.annotations)
        hasher.combine(metadata.ownerReferences)
        hasher.combine(spec)
        return hasher.finalize()
    }

    /// Its place among the versions of this pod; nil where the server counts otherwise.
    public var version: UInt64? { metadata.resourceVersion.flatMap { UInt64($0) } }

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
