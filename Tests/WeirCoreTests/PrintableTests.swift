import Testing
import WeirCore

/// What of others' words reaches a terminal.
@Suite struct PrintableTests {
    @Test(arguments: [
        ("shop/cart-0", "shop/cart-0"), ("größer √ 網 🙂", "größer √ 網 🙂"), (#"a\b"#, #"a\b"#),
        ("a\nb\r\nc\td", #"a\nb\r\nc\td"#), ("\u{1b}[2J\u{7}\u{0}\u{7f}", #"\u{1b}[2J\u{7}\u{0}\u{7f}"#),
        // C1: CSI in one character; and in its place among letters.
        ("a\u{9b}31m", #"a\u{9b}31m"#), ("a\u{85}b\u{2028}c\u{2029}", #"a\u{85}b\u{2028}c\u{2029}"#),
        // Bidirectional overrides, isolates and marks.
        ("\u{202e}\u{202a}\u{2066}\u{2069}\u{200f}\u{61c}", #"\u{202e}\u{202a}\u{2066}\u{2069}\u{200f}\u{61c}"#),
        // What nobody sees: joiners, tags, fillers.
        ("a\u{200b}b\u{feff}\u{e0041}\u{3164}", #"a\u{200b}b\u{feff}\u{e0041}\u{3164}"#),
        ("\u{e000}\u{10fffd}", #"\u{e000}\u{10fffd}"#),
    ])
    func controlsAreEscaped(_ text: String, _ printable: String) {
        #expect(text.printable == printable)
        #expect(text.printable.printable == printable)
    }

    @Test func problemsAreALineEach() throws {
        let error = #expect(throws: ConfigurationError.self) {
            try Configuration(yaml: "\"a\\nweir.yaml:9: forged\": 1\nmechanism: \"\\e[31m\\u202e\"")
        }
        let lines = error?.description.split(separator: "\n") ?? []
        #expect(lines.count == 2 && lines.allSatisfy { $0.hasPrefix("weir.yaml:") && !$0.contains("\u{1b}") })
        #expect(lines.first?.hasPrefix(#"weir.yaml:1: a\nweir.yaml:9: forged: there is no such key"#) == true)
        #expect(lines.last?.contains(#"but is "\u{1b}[31m\u{202e}""#) == true)
    }

    /// What is shown can be read again.
    @Test func configurationsAreShownInASCII() throws {
        let name = "\u{9b}2J\u{202e}\u{e0041}\u{7f}é"
        let text = "workloads: [{name: \"\\x9b2J\\u202e\\U000e0041\\x7fé\", selector: {netns: /n}, mesh: istio}]"
        let configuration = try Configuration(yaml: text)
        #expect(configuration.workloads[0].name == name)
        let shown = configuration.show()
        #expect(shown.contains(#"name: "\x9b2J\u202e\U000e0041\x7fé""#))
        #expect(try Configuration(yaml: shown).workloads[0].name == name)
    }

    /// Whatever is quoted, a sentence has an end.
    @Test func sentencesAreShort() {
        let long = String(repeating: "a", count: 200_000)
        for (profile, name) in [
            (Profile.istio, "traffic.sidecar.istio.io/excludeOutboundPorts"),
            (.istio, "traffic.sidecar.istio.io/excludeOutboundIPRanges"),
            (.istio, "traffic.sidecar.istio.io/excludeInterfaces"), (.istio, "sidecar.istio.io/interceptionMode"),
            (.kuma, "traffic.kuma.io/exclude-outbound-ports-for-uids"), (.kuma, "kuma.io/builtin-dns"),
            (.kuma, "traffic.kuma.io/transparent-proxy-config"),
        ] {
            let text = name.hasSuffix("config") ? "ipFamilyMode: \(long)" : long
            let error = #expect(throws: AnnotationError.self) {
                try profile.specification(annotations: [name: text])
            }
            #expect((error?.description.utf8.count ?? 0) < 3000, "\(name)")
        }
    }
}
