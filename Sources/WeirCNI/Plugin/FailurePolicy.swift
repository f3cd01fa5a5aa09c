/// What becomes of a pod when the agent does not say that the kernel holds its policy.
///
/// Whether a pod is meshed stands in its API object, which only the agent has read; a runtime tells a plugin nothing but
/// names. So without the agent every pod may be a meshed one, and `block` keeps all of them from starting, except those of
/// the excluded namespaces. Pods of the host's network, the agent's among them, never come to a CNI plugin.
public enum FailurePolicy: String, Hashable, Sendable, CaseIterable {
    /// It does not start; the kubelet tries again.
    case block
    /// It starts, and connects past its sidecar until the agent finds it.
    case allow
}
