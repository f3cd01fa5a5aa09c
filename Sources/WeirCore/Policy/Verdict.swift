/// What happens to a connection: `enum weir_verdict` of `weir/abi.h`, with its numbers.
public enum Verdict: UInt8, Hashable, Sendable, CaseIterable {
    /// Left alone.
    case direct = 0
    /// To the proxy's outbound port.
    case outbound = 1
    /// To the proxy's inbound port.
    case inbound = 2
    /// To the proxy's DNS port.
    case dns = 3
    /// To Weir's own proxy.
    case fallback = 4
    /// Fails: its original destination cannot be kept, or the proxy does not listen.
    case refuse = 5

    /// One word for machines: "direct".
    public var word: String { "\(self)" }

    public init?(word: String) {
        guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }
}

extension Verdict: Codable {
    /// From the word.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let word = try container.decode(String.self)
        guard let verdict = Verdict(word: word) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(word)\" is not a verdict")
        }
        self = verdict
    }

    /// As the word.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(word)
    }
}
