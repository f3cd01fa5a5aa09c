/// How a proxy reads a socket, which decides whether bytes may be redirected to it; acceleration asks.
public enum ProxyReads: String, Hashable, Sendable, CaseIterable, Codable {
    /// Nothing is redirected to it.
    case unknown
    /// Until the socket is empty, before it waits (Envoy): redirected bytes cannot strand it.
    case untilEmpty
    /// Until a read returns less than there was room for, which it takes for "empty" (tokio, and so linkerd-proxy). It
    /// splices nothing and asks for no MSG_WAITALL or SO_RCVLOWAT, which one queue would break.
    case untilShort
}
