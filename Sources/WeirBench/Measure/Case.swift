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
    /// The peer, where its objects are given.
    case merbridge

    // The proxies of the proxy suite.
    case weirProxy = "Weir's proxy"
    case envoy = "Envoy"
    case haproxy = "HAProxy"

    /// Those that most suites measure.
    static let mechanisms = [Case.direct, .iptables, .nftables, .weir, .accelerated, .merbridge]

    /// A word that names of namespaces and cgroups may contain.
    var word: String {
        switch self {
        case .accelerated: "accel"
        case .weirProxy, .envoy, .haproxy: "\(self)".lowercased()
        default: rawValue
        }
    }

    /// Weir's programs see its sockets.
    var isWeir: Bool { ![.direct, .iptables, .nftables, .merbridge].contains(self) }
}
