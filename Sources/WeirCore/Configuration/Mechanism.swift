/// How workloads are intercepted.
public enum Mechanism: String, Hashable, Sendable, CaseIterable, Codable {
    /// eBPF where the kernel and the node allow it, else nftables.
    case auto
    case ebpf
    case nftables
}
