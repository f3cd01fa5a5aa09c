/// Values for a JSON text that Weir writes itself.
public indirect enum JSONOutput: Sendable, ExpressibleByStringLiteral {
    case string(String)
    case number(Int)
    case array([JSONOutput])
    /// In this order.
    case object([(String, JSONOutput)])

    public init(stringLiteral text: String) { self = .string(text) }

    public static func strings(_ texts: some Sequence<String>) -> JSONOutput { .array(texts.map { .string($0) }) }

    /// One line.
    public var text: String {
        switch self {
        case .string(let text): Self.quoted(text)
        case .number(let number): "\(number)"
        case .array(let items): "[\(items.map(\.text).joined(separator: ", "))]"
        case .object(let members):
            "{\(members.map { "\(Self.quoted($0.0)): \($0.1.text)" }.joined(separator: ", "))}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
