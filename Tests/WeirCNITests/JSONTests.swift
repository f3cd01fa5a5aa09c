import Testing

@testable import WeirCNI

struct JSONTests {
    private static func read(_ text: String) throws(JSONError) -> JSONDocument { try JSONDocument([UInt8](text.utf8)) }

    @Test func knowsWhereEachValueStands() throws {
        let text = #" {"a" : [1.50e+02, "x\u00e9\ud83d\ude00\n" ,null ], "b":{"c":-0} } "#
        let document = try Self.read(text)
        func part(_ value: JSONValue?) -> String? {
            value.map { String(decoding: document.text(of: $0), as: UTF8.self) }
        }
        let items = try #require(document.root["a"]?.items)
        #expect(part(document.root) == text.trimmed)
        #expect(items.map { part($0) } == ["1.50e+02", #""x\u00e9\ud83d\ude00\n""#, "null"])
        #expect(items[1].string == "xé😀\n")
        #expect(items[2].isNull)
        #expect(part(document.root["b"]) == #"{"c":-0}"#)
    }

    @Test func takesTheLastOfTwoKeysAsGoDoes() throws {
        #expect(try Self.read(#"{"a": 1, "a": 2}"#).root["a"]?.integer == 2)
    }

    /// RFC 8259 has none of these.
    @Test(arguments: [
        ("", 1, "the JSON text ends too early"), ("{", 1, "a key in double quotes is missing"),
        ("{\n\"a\" 1}", 2, "there is no colon after \"a\""), ("[1,]", 1, "a value is missing"),
        ("[1 2]", 1, "a comma or \"]\" is missing"), ("{\"a\":1,}", 1, "a key in double quotes is missing"),
        ("01", 1, "a number begins with 0"), ("1.", 1, "a value is missing"), ("-", 1, "a value is missing"),
        ("tru", 1, "a value is missing"), ("\"a", 1, "a string does not end"), ("\"a\\", 1, "a string does not end"),
        ("\"\\x\"", 1, "a backslash stands before something unknown"),
        ("\"\\u12g4\"", 1, "\\u is not followed by four hexadecimal digits"),
        ("\"\n\"", 2, "a control character stands in a string"),
        ("{}\n\n{}", 3, "there is something after the end of the JSON text"),
    ])
    func refuses(_ text: String, _ line: Int, _ problem: String) {
        #expect(throws: JSONError(problem: problem, line: line)) { try Self.read(text) }
    }

    @Test func refusesWhatWouldExhaustTheStack() {
        #expect(throws: JSONError(problem: "brackets are nested more than 200 deep", line: 1)) {
            try Self.read(String(repeating: "[", count: 100_000))
        }
    }

    @Test func writesWhatItReads() throws {
        let text = "\"\\\u{1}\n\u{1f600}é"
        #expect(try Self.read(JSONOutput.string(text).text).root.string == text)
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
