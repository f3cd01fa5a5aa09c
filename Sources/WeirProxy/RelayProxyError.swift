import Glibc
public import NIOCore

/// Why a `RelayProxy` could not start. `description` is one sentence: what happened, to what, what to do.
public enum RelayProxyError: Error, CustomStringConvertible, Equatable {
    case badConfiguration(String)
    case cannotListen(address: SocketAddress, errno: Int32)
    case cannotEnterNamespace(errno: Int32)
    case alreadyStarted

    public var description: String {
        switch self {
        case .badConfiguration(let what):
            "The proxy's configuration cannot work: \(what)."
        case .cannotListen(let address, let code):
            "Listening on \(address.text) failed (\(Self.text(code))); \(Self.listenAdvice(code))."
        case .cannotEnterNamespace(let code):
            "Entering the network namespace failed (\(Self.text(code))); "
                + "pass an open /proc/PID/ns/net descriptor and give the process CAP_SYS_ADMIN."
        case .alreadyStarted:
            "The proxy has been started before; make a new RelayProxy to start again."
        }
    }

    private static func listenAdvice(_ code: Int32) -> String {
        switch code {
        case EADDRINUSE: "stop what listens there or choose another port"
        case EADDRNOTAVAIL: "choose an address that this network namespace has"
        case EACCES: "choose a port above 1023 or give the process CAP_NET_BIND_SERVICE"
        default: "choose another address"
        }
    }

    static func text(_ code: Int32) -> String {
        String(cString: strerror(code))
    }
}
