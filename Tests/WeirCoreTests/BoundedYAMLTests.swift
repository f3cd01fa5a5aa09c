import Testing

@testable import WeirCore

/// Texts whose trees would cost more than the agent has, refused before there is a tree.
@Suite(.timeLimit(.minutes(2))) struct BoundedYAMLTests {
    private static let names = Array("abcdefghijklmnop").map(String.init)

    /// Each level stands nine times in the next one.
    private static func levels(_ first: String, _ line: (String, String) -> String) -> String {
        zip(names, names.dropFirst()).prefix(8).reduce(first + "\n") { $0 + line($1.0, $1.1) + "\n" }
    }

    private static func nine(_ name: String) -> String { Array(repeating: "*\(name)", count: 9).joined(separator: ",") }

    struct Bomb: Sendable, CustomTestStringConvertible {
        let name: String
        let text: String
        var testDescription: String { name }
    }

    static let bombs: [Bomb] = texts.map { Bomb(name: $0.0, text: $0.1) }

    private static let texts: [(String, String)] = [
        (
            "keys that are lists of aliases", levels("a: &a {x: 1}") { "? &\($1) [\(nine($0))]\n: 1" }
        ),
        (
            "keys that are mappings of aliases",
            levels("a: &a {x: 1}") { before, name in
                let members = (0..<9).map { "? k\($0)\n  : *\(before)" }.joined(separator: "\n  ")
                return "? &\(name)\n  \(members)\n: 1"
            }
        ),
        ("values", levels("a: &a [x,x,x,x,x,x,x,x,x]") { "\($1): &\($1) [\(nine($0))]" }),
        ("a key that is an alias", "a: &a [1, 2]\n*a : 1"),
        ("depth, in brackets", String(repeating: "[", count: 20_000)),
        ("depth, in braces", String(repeating: "{a: ", count: 20_000)),
        ("depth, by indentation", (0..<500).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n")),
        ("depth, by dashes", String(repeating: "- ", count: 20_000) + "a"),
        ("a long key", "? \"\(String(repeating: "9", count: 20_000))\"\n: 1"),
    ]

    /// The operator's own file, too: what it writes by mistake must not hold the agent.
    @Test(arguments: bombs)
    func configurations(_ bomb: Bomb) {
        let (name, text) = (bomb.name, bomb.text)
        let error = #expect(throws: ConfigurationError.self) { try Configuration(yaml: text) }
        #expect(error?.problems.count == 1, "\(name): \(error.map { "\($0)" } ?? "")")
        #expect(
            error?.description.contains(
                /is nested more than 32 deep|write a word|comes to more than 1000000 values|is not YAML/) == true,
            "\(name)")
    }

    @Test(arguments: bombs)
    func annotations(_ bomb: Bomb) {
        let (name, text) = (bomb.name, bomb.text)
        let texts = ["traffic.kuma.io/transparent-proxy-config": text]
        let error = #expect(throws: AnnotationError.self) { try Profile.kuma.specification(annotations: texts) }
        #expect(error?.problems.map(\.annotation) == Array(texts.keys), "\(name)")
    }

    @Test func aliasesOfAFileCountAsWhatTheyStandFor() throws {
        let shared = try Configuration(
            yaml: """
                workloads:
                  - {name: a, selector: {netns: /a}, mesh: istio, outbound: &both {excludePorts: [80, 81]}}
                  - {name: b, selector: {netns: /b}, mesh: istio, outbound: *both}
                """)
        #expect(shared.workloads.map(\.policy.outboundExcludePorts.count) == [2, 2])
        let list = Array(repeating: "1", count: 2000).joined(separator: ", ")
        let uses = Array(repeating: "*l", count: 600).joined(separator: ", ")
        let error = #expect(throws: ConfigurationError.self) {
            try Configuration(yaml: "log: &l [\(list)]\nproxy: [\(uses)]")
        }
        #expect(
            error?.description
                == "weir.yaml:2: comes to more than 1000000 values, its aliases written out; shorten it")
    }

    @Test func aPodHasNoAliases() throws {
        let key = "traffic.kuma.io/transparent-proxy-config"
        let error = #expect(throws: AnnotationError.self) {
            try Profile.kuma.specification(annotations: [
                key: "redirect: {inbound: &a {excludePorts: \"80\"}, outbound: *a}"
            ])
        }
        #expect(error?.description == "\(key): an alias (*a) stands in it; write out what it stands for")
    }

    /// A long list is no attack.
    @Test func longListsAreRead() throws {
        let ports = Array(repeating: "8080", count: 30_000).joined(separator: ", ")
        let specification = try Profile.kuma.specification(annotations: [
            "traffic.kuma.io/transparent-proxy-config": "redirect: {outbound: {excludePorts: [\(ports)]}}"
        ])
        #expect(specification.outboundExcludePorts.count == 30_000)
        let large = "log:\n  format: \(String(repeating: "x", count: 17 << 20))"
        let error = #expect(throws: ConfigurationError.self) { try Configuration(yaml: large) }
        #expect(error?.description.contains("bytes long, and 16777216 are read; shorten it") == true)
    }
}
