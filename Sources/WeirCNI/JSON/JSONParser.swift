/// A reader of JSON texts, strict as RFC 8259 has them.
struct JSONParser {
    private let bytes: [UInt8]
    private var at = 0
    private var depth = 0

    /// Go's limit is 10,000; nothing that a network configuration says comes near this one.
    private static let deepest = 200

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(JSONError) -> JSONValue {
        let root = try value()
        skipSpace()
        guard at == bytes.count else { throw wrong("there is something after the end of the JSON text") }
        return root
    }

    private mutating func value() throws(JSONError) -> JSONValue {
        skipSpace()
        let start = at
        let content: JSONValue.Content
        switch peek {
        case UInt8(ascii: "{"): content = .object(try object())
        case UInt8(ascii: "["): content = .array(try array())
        case UInt8(ascii: "\""): content = .string(try string())
        case UInt8(ascii: "t"): content = try word("true", .bool(true))
        case UInt8(ascii: "f"): content = try word("false", .bool(false))
        case UInt8(ascii: "n"): content = try word("null", .null)
        case nil: throw wrong("the JSON text ends too early")
        default: content = try number()
        }
        return JSONValue(content: content, range: start..<at)
    }

    private mutating func object() throws(JSONError) -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        try separated(until: UInt8(ascii: "}")) { (parser) throws(JSONError) in
            guard parser.peek == UInt8(ascii: "\"") else { throw parser.wrong("a key in double quotes is missing") }
            let key = try parser.string()
            parser.skipSpace()
            guard parser.take(UInt8(ascii: ":")) else { throw parser.wrong("there is no colon after \"\(key)\"") }
            members.append(.init(key: key, value: try parser.value()))
        }
        return members
    }

    private mutating func array() throws(JSONError) -> [JSONValue] {
        var items: [JSONValue] = []
        try separated(until: UInt8(ascii: "]")) { (parser) throws(JSONError) in items.append(try parser.value()) }
        return items
    }

    /// Elements between an opening bracket, which is next, and a closing one.
    private mutating func separated(
        until end: UInt8, _ element: (inout JSONParser) throws(JSONError) -> Void
    ) throws(JSONError) {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepest else { throw wrong("brackets are nested more than \(Self.deepest) deep") }
        at += 1
        skipSpace()
        if take(end) { return }
        while true {
            skipSpace()
            try element(&self)
            skipSpace()
            if take(end) { return }
            let bracket = Unicode.Scalar(end)
            guard take(UInt8(ascii: ",")) else { throw wrong("a comma or \"\(bracket)\" is missing") }
        }
    }

    private mutating func string() throws(JSONError) -> String {
        at += 1
        var text: [UInt8] = []
        while let byte = peek {
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw wrong("a control character stands in a string")
            default: text.append(byte)
            }
        }
        throw wrong("a string does not end")
    }

    private static let short: [UInt8: UInt8] = [
        UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "\\"): UInt8(ascii: "\\"),
        UInt8(ascii: "/"): UInt8(ascii: "/"), UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10,
        UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9,
    ]

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        guard let byte = peek else { throw wrong("a string does not end") }
        at += 1
        if let plain = Self.short[byte] { return text.append(plain) }
        guard byte == UInt8(ascii: "u") else { throw wrong("a backslash stands before something unknown") }
        var code = UInt32(try hex4())
        // A high surrogate and the low one after it are one character; either alone is none.
        if (0xd800..<0xdc00).contains(code), peek == UInt8(ascii: "\\"), at + 1 < bytes.count,
            bytes[at + 1] == UInt8(ascii: "u")
        {
            at += 2
            let low = UInt32(try hex4())
            code = (0xdc00..<0xe000).contains(low) ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : 0xfffd
        }
        text.append(contentsOf: String(Unicode.Scalar(code) ?? "\u{fffd}").utf8)
    }

    private mutating func hex4() throws(JSONError) -> UInt16 {
        guard at + 4 <= bytes.count, bytes[at..<(at + 4)].allSatisfy({ Character(.init($0)).isHexDigit }),
            let code = UInt16(String(decoding: bytes[at..<(at + 4)], as: UTF8.self), radix: 16)
        else { throw wrong("\\u is not followed by four hexadecimal digits") }
        at += 4
        return code
    }

    private mutating func number() throws(JSONError) -> JSONValue.Content {
        let start = at
        _ = take(UInt8(ascii: "-"))
        let whole = try digits()
        guard whole.count == 1 || whole.first != UInt8(ascii: "0") else { throw wrong("a number begins with 0") }
        if take(UInt8(ascii: ".")) { _ = try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            _ = try digits()
        }
        return .number(Int(String(decoding: bytes[start..<at], as: UTF8.self)))
    }

    private mutating func digits() throws(JSONError) -> ArraySlice<UInt8> {
        let start = at
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
        guard at > start else { throw wrong("a value is missing") }
        return bytes[start..<at]
    }

    private mutating func word(_ word: String, _ content: JSONValue.Content) throws(JSONError) -> JSONValue.Content {
        guard bytes[at...].starts(with: word.utf8) else { throw wrong("a value is missing") }
        at += word.utf8.count
        return content
    }

    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        at += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { at += 1 }
    }

    private func wrong(_ problem: String) -> JSONError {
        JSONError(problem: problem, line: 1 + bytes[..<min(at, bytes.count)].count { $0 == 0x0a })
    }
}
