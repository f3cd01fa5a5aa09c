internal import CWeirABI

/// How a message of an accelerated workload went, and if not past the stack, why: `enum weir_path`.
public struct MessagePath: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    init(_ constant: weir_path) { self.init(rawValue: constant.rawValue) }

    /// The word of metrics, logs and JSON: "over_budget".
    public var word: String { String(cString: weir_path_word(rawValue)) }
    public var sentence: String { String(cString: weir_path_sentence(rawValue)) }

    /// - Returns: nil for a word that is none.
    public init?(word: String) {
        guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }

    public static let redirect = MessagePath(WEIR_PATH_REDIRECT)
    public static let inFlight = MessagePath(WEIR_PATH_IN_FLIGHT)
    public static let unread = MessagePath(WEIR_PATH_UNREAD)
    public static let overBudget = MessagePath(WEIR_PATH_OVER_BUDGET)
    public static let noPeer = MessagePath(WEIR_PATH_NO_PEER)
    public static let scope = MessagePath(WEIR_PATH_SCOPE)
    public static let pressure = MessagePath(WEIR_PATH_PRESSURE)
    public static let upperLayer = MessagePath(WEIR_PATH_UPPER_LAYER)
    public static let mptcp = MessagePath(WEIR_PATH_MPTCP)
    public static let foreign = MessagePath(WEIR_PATH_FOREIGN)
    public static let zeroCopy = MessagePath(WEIR_PATH_ZERO_COPY)
    public static let full = MessagePath(WEIR_PATH_FULL)
    public static let twin = MessagePath(WEIR_PATH_TWIN)
    public static let refused = MessagePath(WEIR_PATH_REFUSED)
}

extension MessagePath: CaseIterable {
    public static var allCases: [MessagePath] {
        (0..<WEIR_PATH_COUNT.rawValue).map { MessagePath(rawValue: $0) }
    }
}

extension MessagePath: CustomStringConvertible, Codable {
    public var description: String { word }

    /// From the word.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let word = try container.decode(String.self)
        guard let path = MessagePath(word: word) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(word)\" is not a path")
        }
        self = path
    }

    /// As the word.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(word)
    }
}
