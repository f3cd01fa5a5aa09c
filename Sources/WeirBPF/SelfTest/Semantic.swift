/// What a call on a TCP socket does, as applications may rely on it; each is compared with a socket that no program
/// has touched.
public enum Semantic: String, CaseIterable, Codable, Sendable {
    case waitingBytes = "FIONREAD"
    case peek = "MSG_PEEK"
    case waitAll = "MSG_WAITALL"
    case lowWatermark = "SO_RCVLOWAT"
    case splice
    case sendfile
    case zeroCopy = "MSG_ZEROCOPY"
    case epollLevel = "level-triggered epoll"
    case epollEdge = "edge-triggered epoll"
    case shortRead = "a short read"
    case halfClose = "half-close"
    case reset = "RST with queued data"
    case info = "TCP_INFO"
    case backPressure = "back-pressure"
    case wakeUp = "wake-ups"
    case blockingRead = "a blocking read"
    case order = "order between the paths"
    case sequence = "sequence numbers"
}

/// What a socket is to the short cut.
public enum SocketRole: String, CaseIterable, Codable, Sendable {
    /// It is in the map, and nothing is redirected to it.
    case member
    /// Bytes are redirected to it.
    case receiver
    /// Bytes are redirected to it, and what comes through the stack joins them in one queue.
    case queued = "one-queue receiver"
    /// Its bytes are redirected.
    case sender

    /// What can differ for a socket of this role.
    var semantics: [Semantic] {
        switch self {
        case .member:
            [
                .waitingBytes, .peek, .waitAll, .lowWatermark, .splice, .epollLevel, .epollEdge, .shortRead, .halfClose,
                .reset, .info, .backPressure, .wakeUp, .blockingRead,
            ]
        case .receiver:
            [
                .waitingBytes, .peek, .waitAll, .lowWatermark, .splice, .epollLevel, .epollEdge, .shortRead, .halfClose,
                .reset, .info, .wakeUp, .blockingRead, .order,
            ]
        case .queued:
            [
                .waitingBytes, .peek, .epollLevel, .epollEdge, .shortRead, .halfClose, .reset, .backPressure, .wakeUp,
                .order, .sequence,
            ]
        case .sender: [.splice, .sendfile, .zeroCopy, .halfClose, .reset, .info, .backPressure]
        }
    }

    /// What a proxy of known habits needs of it: such a proxy reads into its own memory until the socket is empty, and
    /// counts its bytes itself.
    var neededByProxies: Set<Semantic> {
        switch self {
        case .member, .receiver: [.peek, .epollLevel, .epollEdge, .halfClose, .reset, .wakeUp, .order, .backPressure]
        case .queued: Self.receiver.neededByProxies.union([.shortRead, .sequence])
        case .sender: [.splice, .sendfile, .halfClose, .backPressure]
        }
    }
}
