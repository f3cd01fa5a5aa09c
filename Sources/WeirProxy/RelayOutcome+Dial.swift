import Glibc
import NIOCore

extension RelayOutcome {
    /// Sorts what `ClientBootstrap.connect` failed with.
    init(dialError: any Error) {
        if case ChannelError.connectTimeout = dialError {
            self = .connectTimeout
            return
        }
        switch (dialError as? IOError)?.errnoCode {
        case ECONNREFUSED: self = .connectRefused
        case ETIMEDOUT: self = .connectTimeout
        case EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN: self = .connectUnreachable
        default: self = .connectOther
        }
    }

    /// Why a dial failed, for `RelayRecord.error`.
    static func text(ofDialError error: any Error) -> String {
        if let error = error as? IOError { return RelayProxyError.text(error.errnoCode) }
        if case ChannelError.connectTimeout = error { return "no answer within the connect time-out" }
        return "\(error)"
    }
}
