/// A JSON text (RFC 8259) that knows where each value stands, so that what is passed on or left alone keeps every byte.
///
/// Foundation would lose the order of keys and the form of numbers, and make the plugin ten times as large.
public struct JSONDocument: Sendable {
    public let bytes: [UInt8]
    public let root: JSONValue

    /// - Throws: what is wrong, and in which line.
    public init(_ bytes: [UInt8]) throws(JSONError) {
        self.bytes = bytes
        var parser = JSONParser(bytes)
        root = try parser.document()
    }

    /// A value as it is written in the text.
    public func text(of value: JSONValue) -> ArraySlice<UInt8> { bytes[value.range] }
}

public struct JSONValue: Sendable {
    public enum Content: Sendable {
        case null, bool(Bool), string(String)
        /// With its value, where it is a whole number.
        case number(Int?)
        case array([JSONValue])
        case object([Member])
    }

    public struct Member: Sendable {
        public let key: String
        public let value: JSONValue
    }

    public let content: Content
    /// Where it stands, as offsets of bytes.
    public let range: Range<Int>

    public var string: String? { if case .string(let text) = content { text } else { nil } }
    public var integer: Int? { if case .number(let number) = content { number } else { nil } }
    public var items: [JSONValue]? { if case .array(let items) = content { items } else { nil } }
    public var members: [Member]? { if case .object(let members) = content { members } else { nil } }
    public var isNull: Bool { if case .null = content { true } else { false } }

    /// The value of a key; of a key that occurs twice, the last one, as Go reads it. Nil where there is none.
    public subscript(key: String) -> JSONValue? { members?.last { $0.key == key }?.value }
}

public struct JSONError: Error, Hashable, CustomStringConvertible {
    /// What was expected, without a full stop.
    public let problem: String
    /// From 1.
    public let line: Int

    public var description: String { "line \(line): \(problem)" }
}
