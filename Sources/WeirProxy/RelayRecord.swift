public import NIOCore

/// How a relayed connection ended. The raw value is the name in logs and metrics.
public enum RelayOutcome: String, Sendable, CaseIterable {
    /// Both sides sent FIN and all bytes were delivered to the kernel.
    case closed
    /// The side named sent RST, or vanished; the other side was reset.
    case clientReset = "client_reset"
    case upstreamReset = "upstream_reset"
    case idleTimeout = "idle_timeout"
    /// Dialing the origin failed: ECONNREFUSED; no answer within the time-out or ETIMEDOUT; EHOSTUNREACH, ENETUNREACH
    /// and their kin; anything else (see `RelayRecord.error`). The client was reset.
    case connectRefused = "connect_refused"
    case connectTimeout = "connect_timeout"
    case connectUnreachable = "connect_unreachable"
    case connectOther = "connect_other"
    /// Nobody redirected the connection here: it has no original destination, or that is the proxy's own listener.
    case noOrigin = "no_origin"
    /// The proxy's own outgoing connection came back to it: its sockets are not exempt from redirection.
    case ownConnection = "own_connection"
    case overLimit = "over_limit"
    /// Still open when the drain time of `RelayProxy.shutdown()` ran out.
    case shutdown
}

/// One connection, as told to `onConnection` when it has ended.
public struct RelayRecord: Sendable, Equatable {
    /// Who connected; nil if it was gone before it could be asked.
    public var source: SocketAddress?
    /// The original destination; nil if there was none.
    public var destination: SocketAddress?
    public var direction: RelayProxyConfiguration.Direction
    /// Bytes from the source towards the destination, and back.
    public var bytesSent: UInt64
    public var bytesReceived: UInt64
    /// From accept until both sides were closed.
    public var duration: Duration
    public var outcome: RelayOutcome
    /// The kernel's words for a failed dial.
    public var error: String?

    /// The access-log line without a newline, in the words of ztunnel:
    /// `src.addr=10.0.0.1:4711 dst.addr=10.0.0.2:80 direction=outbound bytes_sent=5 bytes_recv=9 duration=1ms`
    /// `outcome=closed`
    public var line: String {
        var text = "src.addr=\(source?.text ?? "-") dst.addr=\(destination?.text ?? "-")"
        text += " direction=\(direction.rawValue) bytes_sent=\(bytesSent) bytes_recv=\(bytesReceived)"
        text += " duration=\(milliseconds)ms outcome=\(outcome.rawValue)"
        if let error { text += " error=\(quoted(error))" }
        return text
    }

    /// The same as one JSON object without a newline; an unknown address is null.
    public var json: String {
        let source = source.map { quoted($0.text) } ?? "null"
        let destination = destination.map { quoted($0.text) } ?? "null"
        var text = "{\"src.addr\":\(source),\"dst.addr\":\(destination),\"direction\":\"\(direction.rawValue)\""
        text += ",\"bytes_sent\":\(bytesSent),\"bytes_recv\":\(bytesReceived)"
        text += ",\"duration\":\"\(milliseconds)ms\",\"outcome\":\"\(outcome.rawValue)\""
        if let error { text += ",\"error\":\(quoted(error))" }
        return text + "}"
    }

    private var milliseconds: Int64 {
        let (seconds, attoseconds) = duration.components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}

/// A JSON string (RFC 8259 section 7): quotes, backslashes and control characters escaped.
private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case _ where scalar.value < 0x20:
            let hex = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
