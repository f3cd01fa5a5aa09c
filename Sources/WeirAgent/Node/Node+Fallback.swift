import WeirBPF
import WeirCore
import WeirProxy

/// Weir's own proxy, for workloads whose `whenProxyDown` is `fallback`.
extension Node {
    /// The running proxy's port, if that is to go on; after a restart the one that the kernel has, so that no
    /// connection meets a closed one; else a free one. Nil: the workload asks for no fallback.
    func fallbackPort(for resolved: ResolvedWorkload) throws(BPFError) -> UInt16? {
        guard resolved.workload.whenProxyDown == .fallback else { return nil }
        if let present = workloads[resolved.identifier]?.fallback {
            if present.limits == configuration.proxy { return present.port }
        } else if let port = try ebpf?.fallbackPort(of: resolved.key) {
            return port
        }
        guard resolved.isPod else { return try FreePort.find(nil) }
        let namespace = try NetworkNamespace(path: resolved.namespacePath)
        return try FreePort.find(namespace.descriptor.raw)
    }

    /// The running one if it is at this port, a new one if the workload asks for it, nil otherwise. One that is
    /// replaced ends with the last of its connections.
    func fallbackProxy(for resolved: ResolvedWorkload, port: UInt16?) async throws -> FallbackProxy? {
        let present = workloads[resolved.identifier]?.fallback
        if let present, present.port == port { return present }
        guard let port else {
            present?.retire()
            return nil
        }
        let namespace = try NetworkNamespace(path: resolved.namespacePath)
        var options = FallbackProxy.Options()
        options.limits = configuration.proxy
        options.log = accessLog
        options.port = port
        // Outside a pod the cgroup tells the proxy's sockets from the workload's.
        if resolved.isPod { (options.namespace, options.maps) = (namespace.descriptor.raw, interceptor?.maps) }
        let new = try await FallbackProxy.start(options)
        present?.retire(isReplaced: true)
        return new
    }
}
