import Foundation

/// What a `weir-exercise listen` told its client: which listener it is, and what it sees of the two ends.
public struct Facts: Decodable, Sendable {
    public let name: String
    public let pid: Int32
    public let port: Int
    public let token: String?
    private let peerText: String?
    private let ownText: String?
    private let originText: String?
    private let originErrno: String?
    private let landedText: String?

    enum CodingKeys: String, CodingKey {
        case name, pid, port, token
        case peerText = "peer"
        case ownText = "getsockname"
        case originText = "original_dst"
        case originErrno = "original_dst_errno"
        case landedText = "landed_on"
    }

    /// The client, as the listener sees it.
    public var peer: Endpoint? { Endpoint(peerText) }
    /// The accepted socket's own address; for a datagram, the address it was sent to.
    public var local: Endpoint? { Endpoint(ownText ?? landedText) }
    /// SO_ORIGINAL_DST or IP6T_SO_ORIGINAL_DST.
    public var origin: Endpoint? { Endpoint(originText) }

    public init?(_ text: String?) {
        guard let text, let facts = try? JSONDecoder().decode(Facts.self, from: Data(text.utf8)) else { return nil }
        self = facts
    }
}
