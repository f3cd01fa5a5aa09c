import Yams

/// A value of the file with its place, read with complaints instead of errors: what cannot be read is nil, and noted.
struct YAMLValue {
    let node: Node
    let path: String
    let problems: ProblemList

    var line: Int? { node.mark?.line }

    func complain(_ sentence: String) {
        // A part of it could not be read, so that nobody knows what it lacks.
        if node.scalar == nil, let mark = node.mark, let repair = problems.repair,
            repair.touches(blockAt: mark.line, column: mark.column)
        {
            return
        }
        problems.add(sentence, at: line, path)
    }

    /// What the value is, for sentences.
    var kind: String {
        if node.mapping != nil { return "a mapping" }
        if node.sequence != nil { return "a list" }
        return text.map { $0.isEmpty ? "empty" : "\"\($0)\"" } ?? "an alias"
    }

    var isList: Bool { node.sequence != nil }

    /// The text of a scalar as it stands in the file; nil for lists and mappings.
    var text: String? { node.scalar?.string }

    /// A key without a value, or `~`.
    var isNull: Bool {
        guard let scalar = node.scalar, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// A text that is not empty.
    /// - Parameter what: what it should be, for the complaint: "a path".
    func string(_ what: String) -> String? {
        guard let text, !text.isEmpty, !isNull else {
            complain("should be \(what), but is \(kind); write \(what)")
            return nil
        }
        return text
    }

    /// Reads a text with a function that throws a sentence.
    func parsed<Value>(_ what: String, _ parse: (String) throws(InvalidValue) -> Value) -> Value? {
        guard let text = string(what) else { return nil }
        do {
            return try parse(text)
        } catch {
            complain(error.sentence)
            return nil
        }
    }

    func bool() -> Bool? {
        switch text {
        case "true": return true
        case "false": return false
        default:
            let meant = text.flatMap { Self.switches[$0.lowercased()] }
            complain("should be true or false, but is \(kind)\(meant.map { "; write \($0)" } ?? "")")
            return nil
        }
    }

    /// Words by which other programs switch things on and off.
    private static let switches = [
        "on": true, "yes": true, "y": true, "true": true, "off": false, "no": false, "n": false, "false": false,
    ]

    /// A whole number in a range.
    func number(_ what: String, in range: ClosedRange<Int>) -> Int? {
        guard let text, let number = Decimal.read(text, upTo: range.upperBound), range.contains(number) else {
            complain("should be \(what) from \(range.lowerBound) to \(range.upperBound), but is \(kind)")
            return nil
        }
        return number
    }

    func port() -> UInt16? {
        number("a port", in: 1...65535).map { UInt16($0) }
    }

    /// A uid or gid.
    func id(_ what: String) -> UInt32? {
        number(what, in: 0...Int(UInt32.max) - 1).map { UInt32($0) }
    }

    /// One of some words.
    func word(of words: [String]) -> String? {
        if let text, words.contains(text) { return text }
        var hint = ""
        if let text, Self.switches[text.lowercased()] != nil {
            // "on" is nearly "off", and not meant so.
            hint = "; it is not only switched on and off: write one of these words"
        } else if let text, let nearest = Spelling.nearest(to: text, among: words) {
            hint = "; did you mean \"\(nearest)\"?"
        }
        complain("should be one of \(words.joined(separator: ", ")), but is \(kind)\(hint)")
        return nil
    }

    func word<Word: RawRepresentable<String> & CaseIterable>(of _: Word.Type) -> Word? {
        word(of: Word.allCases.map(\.rawValue)).flatMap(Word.init(rawValue:))
    }

    /// The items of a list. A single scalar is not a list of one.
    func items(_ what: String) -> [YAMLValue]? {
        guard let sequence = node.sequence else {
            complain("should be a list of \(what), but is \(kind); write it as [...], even for one")
            return nil
        }
        return sequence.enumerated().map {
            YAMLValue(node: $0.element, path: "\(path)[\($0.offset)]", problems: problems)
        }
    }

    /// A list whose items are read one by one; items that cannot be read are left out, and noted.
    func list<Value>(_ what: String, _ read: (YAMLValue) -> Value?) -> [Value]? {
        items(what)?.compactMap(read)
    }
}
