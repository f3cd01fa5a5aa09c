import Testing

@testable import WeirCore

/// What is no YAML, in words that say what to do, and all of it at once.
@Suite struct YAMLMistakeTests {
    private func problems(_ yaml: String) -> [String] {
        do {
            _ = try Configuration(yaml: yaml)
            return []
        } catch {
            return error.problems.map { "\($0.line ?? 0): \($0)" }
        }
    }

    @Test(arguments: [
        (
            "workloads:\n\t- {name: a, selector: {netns: /a},\n\t  mesh: istio}",
            "2: this is not YAML: a tab stands in the indentation, as in line 3; indent with spaces"
        ),
        (
            "log:\n  level: info\n\tformat: text",
            "3: this is not YAML: a tab stands in the indentation; indent with spaces"
        ),
        (
            "log:\n  level: info\n   format: text",
            "3: this is not YAML: begins in column 4, and nothing above does that it could belong to; begin it in the "
                + "column of its neighbours"
        ),
        (
            "log:\n  level: info\n format: text",
            "3: this is not YAML: begins in column 2, and nothing above does that it could belong to; begin it in the "
                + "column of its neighbours"
        ),
        (
            "log: {}\n\u{feff}proxy: {}",
            "2: this is not YAML: a byte order mark stands in the middle, as where two files were joined; remove it"
        ),
        ("log: {level: \u{1}info}", "1: this is not YAML: the character U+0001 is not allowed; remove it"),
        ("agent: {pins: @a}", "1: this is not YAML: \"@\" cannot begin a value; put the value in quotes"),
        ("agent:\n  pins: a: b", "2: this is not YAML: a value has a colon and a space in it; put the value in quotes"),
        (
            "agent:\n  pins: \"a\" b",
            "2: this is not YAML: something stands after the end of a value; put the whole value in quotes"
        ),
        ("agent:\n  pins: \"a\nlog: {}", "2: this is not YAML: the quote that opens here is not closed; close it"),
        (
            "log: {level: info\nproxy: {}",
            "1: this is not YAML: the bracket or brace that opens here is not closed, or a comma is missing; close it"
        ),
        ("log: {}\nworkloads: [", "2: this is not YAML: the bracket or brace that opens here is not closed; close it"),
        (
            "log:\n  level info\n  format: text",
            "2: this is not YAML: a key has no colon and space after it; write KEY: VALUE"
        ),
        ("agent: {pins: *}", "1: this is not YAML: \"*\" begins a mark of YAML's own; put the value in quotes"),
        (
            "agent: {pins: *a}",
            "1: *a stands for what is marked &a, and nothing is; put it in quotes if it is a text"
        ),
        (
            "agent: {pins: \"\\d\"}",
            "1: this is not YAML: a backslash in double quotes begins what is no escape; use single quotes"
        ),
        (
            "workloads: - a",
            "1: this is not YAML: a list stands on the line of its key; begin it on the next line, or write [...]"
        ),
        (
            "workloads: []\n---\nworkloads: []",
            "2: a second document begins here, and one is read; remove it, or write another file"
        ),
        (
            "log:\n  level: info\n  level: debug",
            "3: the same key stands twice: level, first in line 2; leave one of them"
        ),
        (
            "log:\n  level: info\n  - text",
            "3: this is not YAML: an item of a list stands among the keys that begin in line 2; indent it, or remove the dash"
        ),
        (
            "workloads:[]\nlog:{}",
            "1: should be the file with keys of its own, but is \"workloads:[] log:{}\"; write a space after each colon"
        ),
    ])
    func oneMistake(_ yaml: String, _ sentence: String) {
        #expect(problems(yaml) == [sentence])
    }

    /// At the start of a file it is taken, as other programs take it.
    @Test func aByteOrderMarkInFront() throws {
        #expect(try Configuration(yaml: "\u{feff}mechanism: ebpf\nworkloads: []").mechanism == .ebpf)
    }

    /// Neither what is no YAML nor what is no configuration hides the other, and nothing is said of what could not be read.
    @Test func allAtOnce() {
        let yaml = """
            mechanism: magic
            agent:
              pins: a: b
              socket: weir.sock
            log: {level: loud
            workloads:
              - name: one
                selector: {netns: /n1}
                 mesh: istio
              - name: two
                selector: {netns: /n2}
                mesh: istoi
              - name: three
                name: four
                selector: {netns: n3}
                mesh: kuma
            \tproxy: {}
            colour: red
            """
        #expect(
            problems(yaml).map { String($0.prefix { $0 != ";" }) } == [
                "1: mechanism: should be one of auto, ebpf, nftables, but is \"magic\"",
                "3: this is not YAML: a value has a colon and a space in it",
                "4: agent.socket: should be an absolute path, but is \"weir.sock\"",
                "5: this is not YAML: the bracket or brace that opens here is not closed, or a comma is missing",
                "9: this is not YAML: begins in column 6, and nothing above does that it could belong to",
                "12: workloads[1].mesh: should be one of istio, linkerd, kuma, osm, but is \"istoi\"",
                "14: the same key stands twice: name, first in line 13",
                "15: workloads[2].selector.netns: should be an absolute path, but is \"n3\"",
                "17: this is not YAML: a tab stands in the indentation",
                "18: colour: there is no such key",
            ])
    }

    @Test func manyMistakesHaveAnEnd() {
        let yaml = "log:\n" + (0..<100).map { "  k\($0): a: b\n" }.joined()
        let found = problems(yaml)
        #expect(found.count == 20)
        #expect(found.allSatisfy { $0.contains("a value has a colon and a space in it") })
    }

    /// Of any text, cut anywhere: one mistake at least, with its line, or a configuration.
    @Test func cutAnywhere() {
        let yaml = """
            mechanism: auto
            agent: {pins: "weir", cni: {install: true, excludeNamespaces: [a, 'b']}}
            workloads:
              - name: a
                selector: {netns: /n1}
                mesh: istio
                annotations:
                  traffic.sidecar.istio.io/excludeOutboundPorts: "9000"
              - {name: b, selector: {netns: /n2}, proxy: {outbound: 1, uid: 1}, ipv6: false}
            """
        for end in yaml.indices {
            for text in [String(yaml[..<end]), String(yaml[end...])] {
                #expect(problems(text).count <= 20)
                #expect(problems(text + "\n\t\u{1}: *").count <= 20)
            }
        }
    }

    @Test(arguments: [
        ("acceleration: on", "should be one of off, proxies, full, auto, but is \"on\""),
        ("acceleration: \"yes\"", "should be one of off, proxies, full, auto, but is \"yes\""),
        ("mechanism: off", "should be one of auto, ebpf, nftables, but is \"off\""),
        ("log: {format: no}", "should be one of text, json, but is \"no\""),
    ])
    func switchesAreNotWords(_ yaml: String, _ sentence: String) {
        let found = problems(yaml)
        #expect(found.count == 1)
        #expect(
            found.first?.hasSuffix(sentence + "; it is not only switched on and off: write one of these words") == true,
            "\(found)")
    }

    @Test(arguments: [("yes", "true"), ("On", "true"), ("off", "false"), ("n", "false"), ("False", "false")])
    func otherWordsOfYesAndNo(_ word: String, _ meant: String) {
        #expect(
            problems("agent: {unloadOnStop: \(word)}")
                == ["1: agent.unloadOnStop: should be true or false, but is \"\(word)\"; write \(meant)"])
    }
}
