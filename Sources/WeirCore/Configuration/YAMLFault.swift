internal import CYaml

/// Where a parser has stopped. Lines and columns are from 0, columns in characters.
struct YAMLFault {
    /// libyaml's words.
    let problem: String
    let context: String
    let line: Int
    let column: Int
    /// Of what was begun and could not be ended.
    let contextLine: Int
    let contextColumn: Int

    init(_ parser: yaml_parser_t) {
        problem = parser.problem.map { String(cString: $0) } ?? "memory"
        context = parser.context.map { String(cString: $0) } ?? ""
        (line, column) = (Int(parser.problem_mark.line), Int(parser.problem_mark.column))
        (contextLine, contextColumn) = (Int(parser.context_mark.line), Int(parser.context_mark.column))
    }
}

/// What a parser takes, and is a mistake all the same.
struct YAMLSlip {
    enum Kind {
        /// - first: the line, from 1, in which it stands for the first time.
        case repeatedKey(String, first: Int)
        case unknownAlias(String)
        case secondDocument
    }

    let kind: Kind
    /// From 0, in characters.
    let line: Int
    let column: Int
    /// Of its end, which may be in another line.
    let endColumn: Int?

    init(_ kind: Kind, _ event: yaml_event_t) {
        self.kind = kind
        (line, column) = (Int(event.start_mark.line), Int(event.start_mark.column))
        endColumn = event.end_mark.line == event.start_mark.line ? Int(event.end_mark.column) : nil
    }

    var sentence: String {
        switch kind {
        case .repeatedKey(let key, let first):
            "the same key stands twice: \(key), first in line \(first); leave one of them"
        case .unknownAlias(let name):
            "*\(name) stands for what is marked &\(name), and nothing is; put it in quotes if it is a text"
        case .secondDocument: "a second document begins here, and one is read; remove it, or write another file"
        }
    }
}

/// A fault in words that say what to do.
struct YAMLExplanation {
    /// What makes it harmless, so that the rest can be read.
    enum Cure {
        /// The key stays, without its value.
        case value
        case line
        /// What was found after it may be no mistake: it was taken for a part of a text that has no end.
        case rest
    }

    let sentence: String
    /// From 0: the line to mend.
    let line: Int
    let cure: Cure

    init(_ fault: YAMLFault, _ lines: [[Unicode.Scalar]]) {
        func line(_ index: Int) -> [Unicode.Scalar] { lines.indices.contains(index) ? lines[index] : [] }
        func character(_ index: Int, _ column: Int) -> Unicode.Scalar? {
            line(index).indices.contains(column) ? line(index)[column] : nil
        }
        let text = line(fault.line)
        let indent = text.prefix { $0 == " " }.count
        let begin = fault.contextLine + 1
        let found: (String, Int, Cure) =
            switch fault.problem {
            case let problem where problem.contains("cannot start any token"):
                (
                    "\"\(character(fault.line, fault.column) ?? "?")\" cannot begin a value; put the value in quotes",
                    fault.line, .value
                )
            case let problem where problem.contains("mapping values are not allowed"):
                if text.prefix(fault.column).contains(":") {
                    ("a value has a colon and a space in it; put the value in quotes", fault.line, .value)
                } else if let above = Self.keyless(above: fault.line, indent, lines) {
                    (Self.withoutColon, above, .line)
                } else {
                    (Self.indentation(indent), fault.line, .line)
                }
            case let problem where problem.contains("'-' indicator") || problem.contains("expected key"):
                if fault.column > indent {
                    ("something stands after the end of a value; put the whole value in quotes", fault.line, .value)
                } else if indent == fault.contextColumn, text.dropFirst(indent).first == "-" {
                    (
                        "an item of a list stands among the keys that begin in line \(begin); indent it, or remove the dash",
                        fault.line, .line
                    )
                } else {
                    (Self.indentation(indent), fault.line, .line)
                }
            case let problem where problem.contains("expected ':'"):
                (Self.withoutColon, fault.contextLine, .line)
            case let problem where fault.context.contains("quoted scalar") && problem.contains("unexpected"):
                ("the quote that opens here is not closed; close it", fault.contextLine, .rest)
            case let problem where problem.contains("escape") || problem.contains("hexdecimal"):
                ("a backslash in double quotes begins what is no escape; use single quotes", fault.line, .value)
            case let problem where problem.contains("',' or"):
                (
                    "the bracket or brace that opens here is not closed, or a comma is missing; close it",
                    fault.contextLine, .value
                )
            case let problem where problem.contains("expected node content"):
                Self.missing(fault, lines)
            case let problem where problem.contains("block sequence entries are not allowed"):
                ("a list stands on the line of its key; begin it on the next line, or write [...]", fault.line, .value)
            case let problem where problem.contains("alphabetic or numeric"):
                (
                    "\"\(character(fault.contextLine, fault.contextColumn) ?? "*")\" begins a mark of YAML's own; "
                        + "put the value in quotes", fault.contextLine, .value
                )
            case let problem where fault.context.contains("tag") || problem.contains("tag"):
                ("\"!\" begins a type of YAML's own; put the value in quotes", fault.contextLine, .value)
            case let problem where problem.contains("unexpected ':'"):
                ("a value has a colon in it; put the value in quotes", fault.line, .value)
            default:
                ("cannot be read from column \(fault.column + 1) on: \(fault.problem)", fault.line, .line)
            }
        (sentence, self.line, cure) = found
    }

    private static let withoutColon = "a key has no colon and space after it; write KEY: VALUE"

    /// The line before a key, when it stands in the key's column and is none: the two were taken for one text.
    private static func keyless(above line: Int, _ indent: Int, _ lines: [[Unicode.Scalar]]) -> Int? {
        guard let above = lines.prefix(line).lastIndex(where: { $0.contains { $0 != " " } }) else { return nil }
        let start = lines[above].firstIndex { $0 != " " && $0 != "-" }
        return start == indent && !lines[above].contains(":") ? above : nil
    }

    private static func indentation(_ indent: Int) -> String {
        "begins in column \(indent + 1), and nothing above does that it could belong to; "
            + "begin it in the column of its neighbours"
    }

    /// Something is to come, and nothing does.
    private static func missing(_ fault: YAMLFault, _ lines: [[Unicode.Scalar]]) -> (String, Int, Cure) {
        guard fault.line >= lines.count || lines[fault.line...].allSatisfy({ $0.allSatisfy { $0 == " " } }) else {
            return ("a value or a comma is missing, or a bracket is not closed; add it", fault.line, .value)
        }
        func surplus(_ line: [Unicode.Scalar]) -> Int {
            line.reduce(0) { $0 + ("[{".unicodeScalars.contains($1) ? 1 : "]}".unicodeScalars.contains($1) ? -1 : 0) }
        }
        let open = lines.lastIndex { surplus($0) > 0 } ?? max(0, lines.count - 1)
        return ("the bracket or brace that opens here is not closed; close it", open, .value)
    }
}
