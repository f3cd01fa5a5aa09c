import WeirCore

extension Membership {
    /// What the annotations add up to, with the identity of the proxies as the containers have it.
    /// - Returns: also a sentence for each thing that the mesh goes on without, as Weir does.
    static func policy(
        _ pod: Pod, _ profile: Profile, _ proxies: [Pod.Container]
    ) throws(InvalidValue) -> (PolicySpecification, warnings: [String]) {
        var policy: PolicySpecification
        var warnings: [String]
        do {
            let (read, ignored) = try profile.readAsMesh(annotations: pod.annotations)
            (policy, warnings) = (read, ignored.map { "\($0); the mesh ignores it, and so does Weir" })
        } catch {
            throw InvalidValue(error.description)
        }
        try identify(proxies, in: pod, &policy)
        if profile.name == "istio" { warnings += applyEnvironment(of: proxies, to: &policy) }
        if profile.name == "linkerd" { applyListeners(of: proxies, to: &policy) }
        if profile.name == "linkerd", pod.metadata.labels?["linkerd.io/control-plane-component"]?.isEmpty == false {
            // What the control plane asks the API server for does not wait for the control plane's own proxy. The
            // mesh's plugin takes these two where it may not read the Service `kubernetes` (cni-plugin, main.go).
            policy.outboundExcludePorts += [PortRange(443), PortRange(6443)]
        }
        do {
            _ = try PolicyCompiler.compile(policy)
        } catch {
            throw InvalidValue(error.sentence)
        }
        return (policy, warnings)
    }

    /// Finds the users and groups by which the proxies' connections are known.
    ///
    /// Root is nobody's own: 0 counts as not given, as for istio-cni (cni/pkg/plugin, NewRedirect), or every
    /// application that runs as root would pass its proxy by. A mesh's own sidecar without a user has the mesh's, or
    /// the one of its annotation.
    private static func identify(
        _ proxies: [Pod.Container], in pod: Pod, _ policy: inout PolicySpecification
    ) throws(InvalidValue) {
        var (users, groups): ([UInt32], [UInt32]) = ([], [])
        for proxy in proxies {
            let user = id(proxy.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser)
            let group = id(proxy.securityContext?.runAsGroup ?? pod.spec.securityContext?.runAsGroup)
            let marks = MeshMarks.all.first { $0.sidecar == proxy.name }
            // A mesh that knows its proxy by the user alone has no groups.
            guard marks != nil || user != nil || (group != nil && !policy.proxyGIDs.isEmpty) else {
                throw InvalidValue(
                    "the proxy container \(proxy.name) has no user of its own, by which its connections are known; "
                        + "give it a securityContext.runAsUser other than 0, which no other container has")
            }
            let defaults = marks.map { $0.profile.defaults.dialect == policy.dialect ? policy : $0.profile.defaults }
            users += user.map { [$0] } ?? defaults?.proxyUIDs ?? []
            groups += group.map { [$0] } ?? defaults?.proxyGIDs ?? []
        }
        let (uids, gids) = (unique(users), unique(groups))
        if uids != policy.proxyUIDs {
            policy.proxyUIDs = uids
            policy.origins[.proxyUIDs] = "runAsUser"
        }
        if !policy.proxyGIDs.isEmpty, gids != policy.proxyGIDs, !gids.isEmpty {
            policy.proxyGIDs = gids
            policy.origins[.proxyGIDs] = "runAsGroup"
        }
    }

    private static func id(_ given: Int64?) -> UInt32? {
        given.flatMap(UInt32.init(exactly:)).flatMap { $0 == 0 ? nil : $0 }
    }

    /// The order matters to Istio.
    private static func unique(_ ids: [UInt32]) -> [UInt32] {
        var seen: Set<UInt32> = []
        return ids.filter { seen.insert($0).inserted }
    }

    /// What istio-cni reads from the proxy's environment (istio/istio cni/pkg/plugin, NewRedirect).
    /// - Returns: a sentence for each variable that cannot be read.
    private static func applyEnvironment(
        of proxies: [Pod.Container], to policy: inout PolicySpecification
    ) -> [String] {
        var warnings: [String] = []
        func isTrue(_ name: String) -> Bool {
            guard let text = variable(name, of: proxies) else { return false }
            if let value = GoBoolean.parse(text) { return value }
            warnings.append("\(name) is neither true nor false but \"\(text)\"; the mesh ignores it, and so does Weir")
            return false
        }
        if isTrue("ISTIO_META_DNS_CAPTURE") {
            policy.dns = .all
            policy.origins[.dns] = "ISTIO_META_DNS_CAPTURE"
        }
        if isTrue("INVALID_DROP") { policy.dropInvalid = true }
        // The second is what 1.17 and 1.18 called it.
        for name in ["ISTIO_DUAL_STACK", "ISTIO_AGENT_DUAL_STACK"] where isTrue(name) {
            policy.origins[.ipv6] = name
        }
        return warnings
    }

    /// IPv6 goes to Linkerd's proxy where that listens for it, which the injector decides by `disableIPv6`
    /// (linkerd/linkerd2 charts/partials/templates/_proxy.tpl); one that is not told listens on IPv4 alone
    /// (linkerd2-proxy, linkerd/app/src/env.rs).
    private static func applyListeners(of proxies: [Pod.Container], to policy: inout PolicySpecification) {
        let outbound = ["LINKERD2_PROXY_OUTBOUND_LISTEN_ADDRS", "LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR"].first {
            variable($0, of: proxies) != nil
        }
        let names = [outbound, "LINKERD2_PROXY_INBOUND_LISTEN_ADDR"].compactMap(\.self)
        let listening = names.first { name in
            (variable(name, of: proxies) ?? "").split(separator: ",").contains { $0.drop { $0 == " " }.first == "[" }
        }
        policy.ipv6 = listening != nil
        policy.origins[.ipv6] = listening ?? names.first { variable($0, of: proxies) != nil }
    }

    private static func variable(_ name: String, of proxies: [Pod.Container]) -> String? {
        proxies.lazy.compactMap { $0.variable(name) }.first
    }
}
