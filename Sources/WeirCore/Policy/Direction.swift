/// Which way a connection goes, seen from the workload: `enum weir_direction` of `weir/abi.h`, with its numbers.
public enum Direction: UInt8, Hashable, Sendable, CaseIterable {
    /// Made by a socket of the workload.
    case outbound = 0
    /// Arrived from outside its namespace.
    case inbound = 1

    /// One word for machines: "outbound".
    public var word: String { "\(self)" }

    public init?(word: String) {
        guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }
}

extension Direction: Codable {
    /// From the word.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let word = try container.decode(String.self)
        guard let direction = Direction(word: word) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(word)\" is not a direction")
        }
        self = direction
    }

    /// As the word.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(word)
    }
}
