/// How Istio delivers inbound connections.
public enum InterceptionMode: String, Hashable, Sendable, CaseIterable, Codable {
    case redirect = "REDIRECT"
    /// The client's address is kept, and the port test comes first.
    case tproxy = "TPROXY"
}
