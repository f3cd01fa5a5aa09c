import Foundation
import WeirCore

/// JSON as every command and the admin API give it: keys in stable order.
public enum JSONText {
    /// One document over several lines.
    public static func render(_ value: some Encodable) throws -> String {
        try encode(value, [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    }

    /// For streams: one line a value.
    public static func line(_ value: some Encodable) throws -> String {
        try encode(value, [.sortedKeys, .withoutEscapingSlashes])
    }

    private static func encode(_ value: some Encodable, _ format: JSONEncoder.OutputFormatting) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = format
        let text = String(decoding: try encoder.encode(value), as: UTF8.self)
        if text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) || $0 == 0x0a }) { return text }
        // The encoder escapes C0 alone. What else a terminal acts on stands within strings, where an escape means the same.
        return text.unicodeScalars.reduce(into: "") { text, scalar in
            if scalar.isPrintable || scalar == "\n" {
                text.unicodeScalars.append(scalar)
            } else {
                for unit in String(Character(scalar)).utf16 {
                    let digits = String(unit, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
    }
}
