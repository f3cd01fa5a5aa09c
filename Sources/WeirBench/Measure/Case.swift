/// A way in which a connection reaches the proxy. The cases are measured in turn within one run.
public enum Case: String, Codable, Sendable, CaseIterable, CodingKeyRepresentable {
    /// Nothing intercepts: the application connects to the proxy, or to the server, itself.
    case direct
    /// The rules that Istio installs.
    case iptables
    /// Weir's nftables mechanism.
    case nftables
    /// Weir's eBPF mechanism.
    case weir
    /// The same with the same-node short cut.
    case accelerated = "weir+acceleration"

    /// A word that may stand in names of namespaces and cgroups.
    var word: String { self == .accelerated ? "accel" : rawValue }

    /// Weir's programs see its sockets.
    var isWeir: Bool { self == .weir || self == .accelerated }
}
