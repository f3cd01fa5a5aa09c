/// Writes YAML line by line, and where each value came from as a comment.
struct YAMLWriter {
    private(set) var text = ""
    /// Whether to say where values came from.
    let showsOrigins: Bool
    private var indent = 0
    private var pending = ""
    private var isComment = false

    init(showsOrigins: Bool) {
        self.showsOrigins = showsOrigins
    }

    /// A key with a plain value.
    /// - Parameter origin: where the value came from.
    mutating func value(_ key: String, _ value: String, origin: String) {
        line("\(Self.quoted(key)): \(Self.quoted(value))", origin)
    }

    mutating func value(_ key: String, _ value: Bool, origin: String) {
        line("\(Self.quoted(key)): \(value)", origin)
    }

    /// A key with a text, which is quoted even where it need not be.
    mutating func text(_ key: String, _ text: String, origin: String) {
        line("\(Self.quoted(key)): \(Self.inQuotes(text))", origin)
    }

    /// A key with a list in brackets.
    mutating func list(_ key: String, _ values: [String], origin: String) {
        line("\(key): [\(values.map(Self.quoted).joined(separator: ", "))]", origin)
    }

    /// A key whose value is a mapping that `body` writes.
    mutating func mapping(_ key: String, _ body: (inout YAMLWriter) -> Void) {
        line("\(key):", nil)
        indent += 1
        body(&self)
        indent -= 1
    }

    /// An item of a list, which is a mapping that `body` writes.
    mutating func item(_ body: (inout YAMLWriter) -> Void) {
        pending = "- "
        indent += 1
        body(&self)
        indent -= 1
    }

    /// What `body` writes becomes comments.
    mutating func comments(_ body: (inout YAMLWriter) -> Void) {
        isComment = true
        body(&self)
        isComment = false
    }

    private mutating func line(_ content: String, _ origin: String?) {
        var spaces = indent * 2
        if !pending.isEmpty { spaces -= pending.count }
        text += String(repeating: " ", count: spaces) + pending + (isComment ? "# " : "") + content
        pending = ""
        if showsOrigins, let origin { text += "  # \(origin)" }
        text += "\n"
    }

    /// As it is where YAML reads it as a text, else in double quotes.
    static func quoted(_ text: String) -> String {
        let plain = text.unicodeScalars.allSatisfy { scalar in
            scalar.isASCII
                && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                    || "_./:@+-".unicodeScalars.contains(scalar))
        }
        let starts = text.unicodeScalars.first.map {
            $0.properties.isAlphabetic || ("0"..."9").contains($0) || $0 == "/"
        }
        let words = ["", "null", "true", "false", "yes", "no", "on", "y", "n"]
        if plain, starts == true, !text.hasSuffix(":"), !words.contains(text.lowercased()) { return text }
        return inQuotes(text)
    }

    private static func inQuotes(_ text: String) -> String {
        "\"" + text.unicodeScalars.map(escaped).joined() + "\""
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\"": return "\\\""
        case "\\": return "\\\\"
        case "\n": return "\\n"
        case "\t": return "\\t"
        default:
            guard !scalar.isPrintable else { return String(Character(scalar)) }
            let digits = String(scalar.value, radix: 16)
            let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
            return "\\\(letter)" + String(repeating: "0", count: width - digits.count) + digits
        }
    }
}
