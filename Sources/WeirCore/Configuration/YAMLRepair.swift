/// Makes the mistakes of a text harmless, one by one, so that all of them are found at once. What it takes away or
/// guesses is noted: nobody is to complain that it is missing.
struct YAMLRepair {
    private(set) var problems: [BoundedYAML.Problem] = []
    /// From 1: those that do not stand as they were written.
    private(set) var lines: Set<Int> = []
    /// Whether the text can be read now.
    private(set) var isComplete = false
    private var rows: [[Unicode.Scalar]]
    private let original: [[Unicode.Scalar]]
    private let limits: BoundedYAML.Limits
    /// Lines, from 0, that are indented with tabs.
    private var tabbed: Set<Int> = []
    private var explained: Set<Int> = []

    /// Of a larger text only the first mistake is said: each costs one more walk.
    private static let longest = 1 << 20

    init(_ text: String, _ limits: BoundedYAML.Limits) {
        self.limits = limits
        rows = Self.split(text)
        original = rows
    }

    var text: String {
        var view = String.UnicodeScalarView()
        for row in rows { view += row + ["\n"] }
        return String(view)
    }

    mutating func run(_ first: BoundedYAML.Examination, most: Int) {
        let size = original.reduce(0) { $0 + $1.count }
        let most = size <= Self.longest ? most : 1
        takeCharacters(most)
        var found = problems.isEmpty ? first : BoundedYAML.examine(text, limits)
        // A line may need more than one cure.
        for _ in 0..<(3 * most) {
            guard found.limit == nil, problems.count < most else { break }
            // In the order of their lines: what stands before a fault is read as it was meant.
            for slip in found.slips.reversed() { take(slip) }
            if let fault = found.fault {
                guard take(fault) else { break }
            } else {
                isComplete = true
                break
            }
            found = BoundedYAML.examine(text, limits)
        }
        problems.sort { ($0.line ?? 0) < ($1.line ?? 0) }
        problems = Array(problems.prefix(most))
    }

    /// Whether something of a block was made harmless: of the lines from its first on that are not indented less.
    /// - Parameters:
    ///   - line: from 1.
    ///   - column: from 1.
    func touches(blockAt line: Int, column: Int) -> Bool {
        var index = line - 1
        while rows.indices.contains(index) {
            if lines.contains(index + 1) { return true }
            index += 1
            guard rows.indices.contains(index), let indent = rows[index].firstIndex(where: { $0 != " " }) else {
                continue
            }
            if indent < column - 1 { return false }
        }
        return false
    }

    private mutating func complain(_ sentence: String, _ row: Int) {
        problems.append(BoundedYAML.Problem(sentence: "this is not YAML: \(sentence)", line: row + 1))
    }

    // MARK: - Characters

    /// What no parser takes, wherever it stands (yaml_parser_update_buffer).
    private mutating func takeCharacters(_ most: Int) {
        for row in rows.indices {
            guard let scalar = rows[row].first(where: { !Self.isAllowed($0) }) else { continue }
            let name = String(scalar.value, radix: 16, uppercase: true)
            let code = "U+" + String(repeating: "0", count: max(0, 4 - name.count)) + name
            if problems.count < most {
                complain(
                    scalar == "\u{feff}"
                        ? "a byte order mark stands in the middle, as where two files were joined; remove it"
                        : "the character \(code) is not allowed; remove it", row)
            }
            rows[row] = rows[row].map { Self.isAllowed($0) ? $0 : " " }
            lines.insert(row + 1)
            explained.insert(row)
        }
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0a, 0x0d, 0x20...0x7e, 0x85, 0xa0...0xd7ff, 0x10000...0x10ffff: true
        case 0xe000...0xfffd: scalar.value != 0xfeff
        default: false
        }
    }

    // MARK: - Slips

    private mutating func take(_ slip: YAMLSlip) {
        guard rows.indices.contains(slip.line) else { return }
        if explained.insert(slip.line).inserted {
            problems.append(BoundedYAML.Problem(sentence: slip.sentence, line: slip.line + 1))
        }
        lines.insert(slip.line + 1)
        switch slip.kind {
        case .secondDocument: rows.removeSubrange(slip.line...)
        case .unknownAlias, .repeatedKey:
            guard let end = slip.endColumn, slip.column <= end, end <= rows[slip.line].count else {
                return blank(from: slip.line, deeperThan: slip.column)
            }
            // A name that nobody knows; the complaint about it is left out with the line's others.
            let other = "x~\(slip.line)~\(slip.column)".unicodeScalars
            rows[slip.line].replaceSubrange(slip.column..<end, with: other)
        }
    }

    // MARK: - Faults

    /// - Returns: false when there is no way on.
    private mutating func take(_ fault: YAMLFault) -> Bool {
        if isTab(fault) { return takeTabs(fault.line) }
        let explanation = YAMLExplanation(fault, rows)
        let row = min(explanation.line, rows.count - 1)
        guard rows.indices.contains(row) else { return false }
        // The width of a tab is a guess, which was wrong.
        if tabbed.contains(row) { lines.formUnion(tabbed.map { $0 + 1 }) }
        let isNew = explained.insert(row).inserted
        if isNew && !tabbed.contains(row) { complain(explanation.sentence, row) }
        if case .rest = explanation.cure { restore(after: row) }
        if !isNew && rows[row].allSatisfy({ $0 == " " }) { return false }
        cure(row, keepsKey: isNew && explanation.cure != .line)
        return true
    }

    private func isTab(_ fault: YAMLFault) -> Bool {
        guard rows.indices.contains(fault.line), hasTab(fault.line) else { return false }
        return fault.problem.contains("tab")
            || fault.problem.contains("cannot start any token")
                && rows[fault.line].indices.contains(fault.column) && rows[fault.line][fault.column] == "\t"
    }

    private func hasTab(_ row: Int) -> Bool { rows[row].prefix { $0 == " " || $0 == "\t" }.contains("\t") }

    private mutating func takeTabs(_ row: Int) -> Bool {
        tabbed = Set(rows.indices.filter(hasTab))
        let others = tabbed.subtracting([row]).sorted().map { "\($0 + 1)" }
        let named = others.prefix(5).joined(separator: ", ") + (others.count > 5 ? ", …" : "")
        let also = others.isEmpty ? "" : ", as in \(others.count == 1 ? "line" : "lines") \(named)"
        complain("a tab stands in the indentation\(also); indent with spaces", row)
        for row in tabbed {
            let indent = rows[row].prefix { $0 == " " || $0 == "\t" }
            let spaces = indent.flatMap { $0 == "\t" ? [" ", " "] as [Unicode.Scalar] : [" "] }
            rows[row].replaceSubrange(..<indent.endIndex, with: spaces)
        }
        return true
    }

    /// What was found below was found within a text that has no end.
    private mutating func restore(after row: Int) {
        problems.removeAll { ($0.line ?? 0) > row + 1 }
        for index in original.indices where index > row && !tabbed.contains(index) {
            if index < rows.count { rows[index] = original[index] } else { rows.append(original[index]) }
            lines.remove(index + 1)
            explained.remove(index)
        }
    }

    /// Takes away a value, or a whole line, and what is nested in it.
    private mutating func cure(_ row: Int, keepsKey: Bool) {
        let text = rows[row]
        var column = text.firstIndex { $0 != " " } ?? 0
        if keepsKey {
            while text.dropFirst(column).first == "-", text.dropFirst(column + 1).first == " " {
                column += 2
                while text.dropFirst(column).first == " " { column += 1 }
            }
        }
        blank(from: row, deeperThan: column)
        let key = text.dropFirst(column).prefix {
            $0.properties.isAlphabetic || "0123456789_./-".unicodeScalars.contains($0)
        }
        let after = text.dropFirst(column + key.count)
        guard keepsKey, !key.isEmpty, after.first == ":", after.dropFirst().first.map({ $0 == " " }) ?? true else {
            return
        }
        rows[row] = Array(text.prefix(column + key.count + 1))
    }

    private mutating func blank(from row: Int, deeperThan column: Int) {
        var index = row
        repeat {
            rows[index] = []
            lines.insert(index + 1)
            index += 1
            while rows.indices.contains(index), rows[index].allSatisfy({ $0 == " " }) { index += 1 }
        } while rows.indices.contains(index) && rows[index].prefix(while: { $0 == " " }).count > column
    }

    /// Into lines as libyaml counts them.
    private static func split(_ text: String) -> [[Unicode.Scalar]] {
        var rows: [[Unicode.Scalar]] = [[]]
        var previous: Unicode.Scalar = " "
        for scalar in text.unicodeScalars {
            defer { previous = scalar }
            switch scalar {
            case "\n" where previous == "\r": continue
            case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": rows.append([])
            default: rows[rows.count - 1].append(scalar)
            }
        }
        return rows
    }
}
