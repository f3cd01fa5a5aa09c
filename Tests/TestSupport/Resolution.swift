import Foundation

/// One `weir-exercise dns`, and what came of it.
public struct Resolution: Decodable, Sendable, CustomStringConvertible {
    public struct Answer: Decodable, Sendable {
        /// `answered`, `refused`, `timeout` or `error`.
        public let outcome: String
        public let errno: String?
        private let fromText: String?
        private let answer: String?

        enum CodingKeys: String, CodingKey {
            case outcome, errno, answer
            case fromText = "reply_from"
        }

        /// Where the answer came from, as the resolver sees it.
        public var from: Endpoint? { Endpoint(fromText) }
        public var facts: Facts? { Facts(answer) }
    }

    public let first: Answer
    public let second: Answer?
    private let peerText: String?

    enum CodingKeys: String, CodingKey {
        case second
        case peerText = "getpeername"
    }

    public init(from decoder: any Decoder) throws {
        first = try Answer(from: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        second = try container.decodeIfPresent(Answer.self, forKey: .second)
        peerText = try container.decodeIfPresent(String.self, forKey: .peerText)
    }

    public var peer: Endpoint? { Endpoint(peerText) }

    public var description: String {
        guard let facts = first.facts else { return "\(first.outcome) \(first.errno ?? "")" }
        let names = peer.map { " getpeername \($0)" } ?? ""
        return "\(facts.name):\(facts.port) reply from \(first.from.map(\.description) ?? "-")\(names)"
    }

    public static func run(
        _ kind: String, server: String, options: [String] = [], in place: Place
    ) throws -> Resolution {
        let command = [try Programs.exercise.get(), "dns", kind, server]
        return try Attempt.decode(Command.output(command + options, in: place))
    }
}
