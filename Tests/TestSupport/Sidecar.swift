import Foundation

/// A real proxy that runs as a pod's sidecar: 15001 outbound, 15006 inbound, uid 1337.
public protocol Sidecar: Sendable {
    var process: ChildProcess { get }
    /// What it logged of connections that have ended.
    var accessLog: [AccessLogEntry] { get }
}

/// One connection, as the proxy saw it.
public struct AccessLogEntry: Decodable, Sendable {
    public let direction: String
    /// The origin: where the proxy thinks the client wanted to go.
    private let originText: String
    private let clientText: String
    private let upstreamText: String?

    enum CodingKeys: String, CodingKey {
        case direction
        case originText = "origin"
        case clientText = "client"
        case upstreamText = "upstream"
    }

    public var origin: Endpoint? { Endpoint(originText) }
    public var client: Endpoint? { Endpoint(clientText) }
    /// Where the proxy connected.
    public var upstream: Endpoint? { Endpoint(upstreamText) }

    static func decodeLines(_ text: String) -> [AccessLogEntry] {
        text.split(separator: "\n").compactMap { line in
            guard let start = line.firstIndex(of: "{") else { return nil }
            return try? JSONDecoder().decode(AccessLogEntry.self, from: Data(line[start...].utf8))
        }
    }
}

extension Sidecar {
    /// The entry of the connection that came from there; proxies log when a connection ends, which may be after the
    /// client saw the end.
    public func waitForEntry(from client: Endpoint) throws -> AccessLogEntry {
        guard let entry = Eventually.value({ accessLog.last { $0.client == client } }) else {
            throw TestError(
                "the proxy logged no connection from \(client)",
                output: accessLog.suffix(20).map { "\($0)" }.joined(separator: "\n") + process.errors)
        }
        return entry
    }
}
