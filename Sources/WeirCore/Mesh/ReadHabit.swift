/// How a proxy or an application reads its sockets, which decides whether bytes may be redirected to it; acceleration
/// asks. Each that is known implies read(2), recv(2) and the like without MSG_WAITALL, and neither SO_RCVLOWAT, splice(2)
/// nor TCP_ZEROCOPY_RECEIVE, which do not see redirected bytes.
public enum ReadHabit: String, Hashable, Sendable, CaseIterable, Codable {
    /// Nothing is redirected to it.
    case unknown
    /// Until the socket is empty, before it waits (Envoy); or by level-triggered waits, or blocking reads: redirected
    /// bytes cannot strand it.
    case untilEmpty
    /// Until a read returns less than there was room for, which it takes for "empty" (tokio, and so linkerd-proxy; nginx).
    /// It gets the stack's bytes and redirected ones in one queue.
    case untilShort
}
