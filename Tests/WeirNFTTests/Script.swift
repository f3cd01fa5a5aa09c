/// A ruleset's text, taken apart again: what the tests need of nft's grammar.
struct Script {
    /// One rule's words. A block is what stands in braces after `jump`, a set what stands in other braces.
    indirect enum Word: Equatable {
        case plain(String)
        case quoted(String)
        case set([String])
        case block([[Word]])
    }

    private(set) var chains: [String: [[Word]]] = [:]

    init(_ text: String) {
        var name: String?
        var body = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("\tchain ") {
                name = String(line.split(separator: " ")[1])
                body = ""
            } else if line == "\t}", let known = name {
                var rest = Substring(body)
                chains[known] = Self.rules(&rest)
                name = nil
            } else if name != nil {
                body += line + "\n"
            }
        }
    }

    /// Rules up to the end of the text or of the block.
    private static func rules(_ rest: inout Substring) -> [[Word]] {
        var rules: [[Word]] = []
        var rule: [Word] = []
        while let character = rest.first {
            if character == "\n" || character == "}" {
                rest.removeFirst()
                if !rule.isEmpty { rules.append(rule) }
                rule = []
                if character == "}" { break }
            } else if character == "\t" || character == " " {
                rest.removeFirst()
            } else if character == "{" {
                rest.removeFirst()
                rule.append(rule.last == .plain("jump") ? .block(Self.rules(&rest)) : .set(Self.elements(&rest)))
            } else if character == "\"" {
                rule.append(.quoted(Self.quoted(&rest)))
            } else {
                let word = rest.prefix { !" \t\n{}".contains($0) }
                rest = rest.dropFirst(word.count)
                rule.append(.plain(String(word)))
            }
        }
        return rules
    }

    private static func quoted(_ rest: inout Substring) -> String {
        let text = rest.dropFirst().prefix { $0 != "\"" }
        rest = rest.dropFirst(text.count + 2)
        return String(text)
    }

    private static func elements(_ rest: inout Substring) -> [String] {
        let text = rest.prefix { $0 != "}" }
        rest = rest.dropFirst(text.count + 1)
        return text.split(separator: ",").map { element in
            element.split { " \t\n".contains($0) }.joined(separator: " ").filter { $0 != "\"" }
        }
    }
}
