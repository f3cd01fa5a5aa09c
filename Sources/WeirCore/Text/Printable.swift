/// Words of others, for people: what moves a cursor, ends a line, or turns the order of letters is written as in Swift's
/// source. What is printable stays, so doing it twice changes nothing.
extension String {
    public var printable: String {
        // Nearly all texts, without a look at each scalar's properties.
        if utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return self }
        var text = ""
        for scalar in unicodeScalars {
            if scalar.isPrintable { text.unicodeScalars.append(scalar) } else { text += scalar.escaped }
        }
        return text
    }

    /// At most so many bytes, the last ones an ellipsis.
    public func shortened(to limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var text = ""
        var count = 0
        for scalar in unicodeScalars {
            count += scalar.utf8.count
            if count > limit - 3 { break }
            text.unicodeScalars.append(scalar)
        }
        return text + "…"
    }
}

extension Unicode.Scalar {
    /// Not: controls of C0 and C1, ends of lines and paragraphs, format characters such as those of bidirectional text,
    /// tags and variation selectors, and what no font has.
    public var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: false
        default: !properties.isDefaultIgnorableCodePoint
        }
    }

    fileprivate var escaped: String {
        switch self {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(String(value, radix: 16))}"
        }
    }
}
