public import WeirCore

/// What a pod's specification says about interception.
public enum Membership: Sendable {
    case meshed(MeshedPod)
    /// Not to be intercepted; a sentence without a full stop that says why.
    case exempt(String)
    /// To be intercepted, but it cannot be; what is wrong and what to do.
    case invalid(String)
}

/// A pod that has a sidecar.
public struct MeshedPod: Sendable, Hashable {
    /// The profile's name.
    public let mesh: String
    /// The names of the containers that are its proxies.
    public let proxies: [String]
    /// Before it is known which addresses the pod has; see `policy(in:)`.
    public let policy: PolicySpecification
    /// Whether IPv6 is captured only in a pod without an IPv4 address.
    let capturesIPv6WithoutIPv4Only: Bool
    /// How the mesh's proxy reads.
    public let proxyReads: ReadHabit
    public let acceleration: AccelerationSettings
    /// What the mesh ignores of the pod's annotations and its proxy's environment, a sentence each.
    public let warnings: [String]
    /// The init container that will have written iptables rules by the time the application starts; nil for none.
    public let iptablesContainer: String?

    /// What is captured in a namespace with these addresses.
    public func policy(in addresses: [Address]) -> PolicySpecification {
        let hasIPv4 = addresses.contains { $0.isIPv4 && !$0.isLoopback && !$0.isLinkLocal }
        guard capturesIPv6WithoutIPv4Only && hasIPv4 else { return policy }
        var policy = policy
        policy.ipv6 = false
        policy.origins[.ipv6] = "the family of the pod's first address"
        return policy
    }

    /// How the proxies are known: "uid 1337, gid 1337".
    public var proxyIdentity: String {
        (policy.proxyUIDs.map { "uid \($0)" } + policy.proxyGIDs.map { "gid \($0)" }).joined(separator: ", ")
    }
}

extension Membership {
    /// Weir's own annotations. They go before everything that a mesh says.
    enum Key {
        /// "true": also a pod that its mesh would leave alone; "false": never.
        static let intercept = "weir.io/intercept"
        /// The mesh of a sidecar that nobody injected: the profile's name.
        static let mesh = "weir.io/mesh"
        /// Names of the containers that are proxies, divided by commas, beside the mesh's own.
        static let proxies = "weir.io/proxy-containers"
    }

    /// Decides by the pod's specification alone, as it is before its first container runs.
    public init(_ pod: Pod) {
        do throws(InvalidValue) {
            self = try Self.decide(pod)
        } catch {
            self = .invalid("\(pod.name): \(error.sentence)")
        }
    }

    private static func decide(_ pod: Pod) throws(InvalidValue) -> Membership {
        if pod.spec.hostNetwork == true { return .exempt("it shares the node's network namespace (hostNetwork)") }
        let wanted = try intercept(pod)
        if wanted == false { return .exempt("\(Key.intercept) is false") }
        guard let (marks, proxies) = try sidecar(of: pod) else {
            guard wanted == nil else {
                throw InvalidValue(
                    "\(Key.intercept) is true, but no container is a known sidecar; "
                        + "say which mesh and container with \(Key.mesh) and \(Key.proxies)")
            }
            return .exempt(proxylessReason(pod) ?? "it has no sidecar")
        }
        if wanted == nil, let reason = exemption(pod, marks, proxies) { return .exempt(reason) }
        if pod.spec.hostUsers == false {
            throw InvalidValue(
                "it has a user namespace of its own (hostUsers: false), in which Weir cannot tell the proxy's user; "
                    + "remove that, or exempt the pod with \(Key.intercept): \"false\"")
        }
        let initial = pod.passingContainers.first { marks.iptablesContainers.contains($0.name) }
        let (policy, warnings) = try policy(pod, marks.profile, proxies)
        return .meshed(
            MeshedPod(
                mesh: marks.profile.name, proxies: proxies.map(\.name),
                policy: policy,
                // Its rules are for the family of the first address, and the kernel lists IPv4 first
                // (istio/istio tools/common/config, getLocalIP). Envoy's listeners go by the same.
                capturesIPv6WithoutIPv4Only: marks.profile.name == "istio" && policy.origins[.ipv6] == nil,
                proxyReads: marks.profile.proxyReads,
                acceleration: try AccelerationSettings(annotations: pod.annotations), warnings: warnings,
                iptablesContainer: initial?.name))
    }

    private static func intercept(_ pod: Pod) throws(InvalidValue) -> Bool? {
        switch pod.annotations[Key.intercept] {
        case nil: return nil
        case "true": return true
        case "false": return false
        case let other?: throw InvalidValue("\(Key.intercept) should be \"true\" or \"false\", but is \"\(other)\"")
        }
    }

    /// The mesh, and all containers whose connections are a proxy's. Nil: the pod has no sidecar.
    private static func sidecar(of pod: Pod) throws(InvalidValue) -> (MeshMarks, [Pod.Container])? {
        let containers = pod.lastingContainers
        let found = MeshMarks.all.filter { marks in
            marks.marks(pod) && containers.contains { $0.name == marks.sidecar }
        }
        var names = Set(found.map(\.sidecar))
        for name in (pod.annotations[Key.proxies] ?? "").split(separator: ",") {
            let name = String(name.drop { $0 == " " }.prefix { $0 != " " })
            guard containers.contains(where: { $0.name == name }) else {
                let known = containers.map(\.name).joined(separator: ", ")
                throw InvalidValue("\(Key.proxies) names \"\(name)\", but the containers that stay are \(known)")
            }
            names.insert(name)
        }
        guard let mesh = try named(pod) ?? found.first else {
            if names.isEmpty { return nil }
            throw InvalidValue("\(Key.proxies) names a sidecar of no mesh; add \(Key.mesh)")
        }
        let proxies = containers.filter { names.contains($0.name) }
        guard !proxies.isEmpty else {
            throw InvalidValue(
                "\(Key.mesh) is \(mesh.profile.name), but there is no container \(mesh.sidecar); "
                    + "say which one is the proxy with \(Key.proxies)")
        }
        return (mesh, proxies)
    }

    private static func named(_ pod: Pod) throws(InvalidValue) -> MeshMarks? {
        guard let name = pod.annotations[Key.mesh] else { return nil }
        if let found = MeshMarks.all.first(where: { $0.profile.name == name }) { return found }
        let known = MeshMarks.all.map(\.profile.name).joined(separator: ", ")
        throw InvalidValue("\(Key.mesh) should be one of \(known), but is \"\(name)\"")
    }
}
