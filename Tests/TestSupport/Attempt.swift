import Foundation

/// One `weir-exercise connect`, and what came of it.
public struct Attempt: Decodable, Sendable, CustomStringConvertible {
    public let kind: String
    /// `connected`, `refused`, `timeout` or `error`.
    public let outcome: String
    public let errno: String?
    /// The SYN carried data: Fast Open in earnest.
    public let synData: Bool
    /// Both ends speak MPTCP; false also after a fall-back to TCP.
    public let mptcp: Bool
    public let firstErrno: String?
    private let peerText: String?
    private let localText: String?
    private let reply: String?

    enum CodingKeys: String, CodingKey {
        case kind, outcome, errno, mptcp, reply
        case synData = "syn_data"
        case firstErrno = "first_errno"
        case peerText = "getpeername"
        case localText = "getsockname"
    }

    public var peer: Endpoint? { Endpoint(peerText) }
    public var local: Endpoint? { Endpoint(localText) }
    public var facts: Facts? { Facts(reply) }
    /// Bytes of the line that the server answered, without its end.
    public var replySize: Int? { reply?.utf8.count }

    public var description: String {
        guard outcome == "connected", let facts else { return "\(outcome) \(errno ?? "")" }
        let origin = facts.origin.map { " origin \($0)" } ?? ""
        let extra = (synData ? " data in SYN" : "") + (mptcp ? " MPTCP" : "")
        return "\(facts.name):\(facts.port)\(origin) getpeername \(peer.map(\.description) ?? "-") "
            + "getsockname \(local.map(\.description) ?? "-")\(extra)"
    }

    /// Runs it. Options are those of `weir-exercise connect`, such as `--source`.
    public static func run(
        _ kind: String, to destination: Endpoint, options: [String] = [], in place: Place
    ) throws -> Attempt {
        try finish(start(kind, to: destination, options: options, in: place))
    }

    /// The two halves of `run`, for several at once.
    public static func start(
        _ kind: String, to destination: Endpoint, options: [String] = [], in place: Place
    ) throws -> ChildProcess {
        let command = [try Programs.exercise.get(), "connect", kind, destination.address, String(destination.port)]
        return try ChildProcess(command + options, in: place)
    }

    public static func finish(_ process: ChildProcess) throws -> Attempt { try decode(process.wait()) }

    /// What `weir-exercise adopt` reported of a connection that another program made.
    public static func adopted(_ result: ChildProcess.Output) throws -> Attempt { try decode(result) }

    static func decode<T: Decodable>(_ result: ChildProcess.Output) throws -> T {
        let text = result.output.isEmpty ? result.errors : result.output
        do {
            return try JSONDecoder().decode(T.self, from: Data(text.utf8))
        } catch {
            throw TestError("weir-exercise said what is no \(T.self): \(error)", output: result.output + result.errors)
        }
    }
}
