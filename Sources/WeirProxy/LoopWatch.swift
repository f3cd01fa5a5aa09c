import Glibc
import NIOCore
import Synchronization
import WeirBPF
import WeirCore

/// Notices when the proxy's own sockets are redirected to it: each would dial the next one, without end.
///
/// A connection that the proxy has dialed comes back with the dialed socket's address as its source, and with what was
/// dialed as its origin. A client can look the same: what it has asked for and where its socket leads are two, so the
/// kernel may give its port to a dial to that very origin. Which socket it is that came, the kernel knows.
final class LoopWatch: Sendable {
    struct Flow: Hashable {
        let source: SocketAddress
        let origin: SocketAddress
    }

    private struct State {
        var dialed: [Flow: any Channel] = [:]
        /// With the address that the proxy has accepted the connection at.
        var accepted: [Flow: SocketAddress] = [:]
    }

    private let state = Mutex(State())

    /// - Returns: a socket of the proxy's that may be the other end of the accepted connection.
    func accepted(_ flow: Flow, at local: SocketAddress) -> (any Channel)? {
        state.withLock { state in
            state.accepted[flow] = local
            return state.dialed[flow]
        }
    }

    /// - Returns: the address at which what may be the other end of the dialed connection was accepted before.
    func dialed(_ flow: Flow, _ channel: any Channel) -> SocketAddress? {
        state.withLock { state in
            state.dialed[flow] = channel
            return state.accepted[flow]
        }
    }

    func forget(accepted flow: Flow) {
        state.withLock { state in _ = state.accepted.removeValue(forKey: flow) }
    }

    /// Another connection may have got the port already.
    func forget(dialed flow: Flow, _ channel: any Channel) {
        state.withLock { state in
            if state.dialed[flow] === channel { state.dialed[flow] = nil }
        }
    }

    /// Whether a dialed socket is the other end of the connection from `flow.source` that was accepted at `local`. To
    /// be called on an event loop, whose thread lives in the proxy's namespace.
    static func isLoop(_ flow: Flow, _ dialed: any Channel, at local: SocketAddress) -> EventLoopFuture<Bool> {
        guard let socket = dialed as? any SocketOptionProvider else {
            return dialed.eventLoop.makeSucceededFuture(false)
        }
        let cookie: EventLoopFuture<UInt64> = socket.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_COOKIE))
        return cookie.map { cookie in
            guard let source = try? Endpoint(parsing: flow.source.text),
                let target = try? Endpoint(parsing: local.text),
                let origin = try? Endpoint(parsing: flow.origin.text)
            else { return true }
            if let owner = SocketDiagnosis.cookie(ofConnectionFrom: source, to: target) { return owner == cookie }
            // Behind a NAT rule the socket's own ends are those of the flow, which no other socket has. They are so
            // also of a dialed socket that is no loop, where a program has told the proxy another address than the
            // one that it has accepted the connection at.
            let isTrueName = SocketDiagnosis.cookie(ofConnectionFrom: target, to: source) != nil
            return isTrueName || SocketDiagnosis.cookie(ofConnectionFrom: source, to: origin) != cookie
        }.flatMapErrorThrowing { _ in false }  // it has closed: what it was the other end of ends, too
    }
}
