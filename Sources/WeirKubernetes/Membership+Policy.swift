import WeirCore

extension Membership {
    /// What the annotations add up to, with the identity of the proxies as the containers have it.
    static func policy(
        _ pod: Pod, _ profile: Profile, _ proxies: [Pod.Container]
    ) throws(InvalidValue) -> PolicySpecification {
        var policy: PolicySpecification
        do {
            policy = try profile.specification(annotations: pod.annotations)
        } catch {
            throw InvalidValue(error.description)
        }
        let users = proxies.compactMap { user(of: $0, in: pod) }
        if !users.isEmpty {
            policy.proxyUIDs = unique(users)
            policy.origins[.proxyUIDs] = "runAsUser"
        }
        let groups = proxies.compactMap { group(of: $0, in: pod) }
        // A mesh that knows its proxy by the user alone has none of its own.
        if !policy.proxyGIDs.isEmpty, !groups.isEmpty {
            policy.proxyGIDs = unique(groups)
            policy.origins[.proxyGIDs] = "runAsGroup"
        }
        if profile.name == "istio" { applyEnvironment(of: proxies, to: &policy) }
        do {
            _ = try PolicyCompiler.compile(policy)
        } catch {
            throw InvalidValue(error.sentence)
        }
        return policy
    }

    private static func user(of container: Pod.Container, in pod: Pod) -> UInt32? {
        (container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser).flatMap(UInt32.init(exactly:))
    }

    private static func group(of container: Pod.Container, in pod: Pod) -> UInt32? {
        (container.securityContext?.runAsGroup ?? pod.spec.securityContext?.runAsGroup).flatMap(UInt32.init(exactly:))
    }

    /// The order matters to Istio.
    private static func unique(_ ids: [UInt32]) -> [UInt32] {
        var seen: Set<UInt32> = []
        return ids.filter { seen.insert($0).inserted }
    }

    /// What istio-cni reads from the proxy's environment (istio/istio cni/pkg/plugin, NewRedirect).
    private static func applyEnvironment(of proxies: [Pod.Container], to policy: inout PolicySpecification) {
        let variables = proxies.flatMap { $0.env ?? [] }
        func isTrue(_ name: String) -> Bool { variables.first { $0.name == name }?.value == "true" }
        if isTrue("ISTIO_META_DNS_CAPTURE") {
            policy.dns = .all
            policy.origins[.dns] = "ISTIO_META_DNS_CAPTURE"
        }
        if isTrue("INVALID_DROP") { policy.dropInvalid = true }
    }
}
