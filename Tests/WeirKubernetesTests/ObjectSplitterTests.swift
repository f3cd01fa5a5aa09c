import Testing

@testable import WeirKubernetes

@Suite struct ObjectSplitterTests {
    private func pieces(_ text: String, by size: Int) -> [String] {
        var splitter = ObjectSplitter()
        let bytes = Array(text.utf8)
        let found = stride(from: 0, to: bytes.count, by: size).flatMap {
            splitter.add(bytes[$0..<min($0 + size, bytes.count)])
        }
        #expect(splitter.isAtRest)
        return found.map {
            switch $0 {
            case .item(let bytes): "item " + String(decoding: bytes, as: UTF8.self)
            case .whole(let bytes): "whole " + String(decoding: bytes, as: UTF8.self)
            }
        }
    }

    @Test("a list comes out item by item, however the bytes arrive", arguments: [1, 2, 7, 1000])
    func list(size: Int) {
        let text =
            #"{"kind":"PodList", "metadata":{"resourceVersion":"7"},"items":[ {"a":{"items":[1]}}, {"b":"]}\"{"}]}"#
        #expect(
            pieces(text, by: size) == [
                #"item {"a":{"items":[1]}}"#, #"item {"b":"]}\"{"}"#,
                #"whole {"kind":"PodList", "metadata":{"resourceVersion":"7"},"items":[]}"#,
            ])
    }

    @Test("the events of a watch come out one by one", arguments: [1, 5, 1000])
    func watch(size: Int) {
        let text = #"{"type":"ADDED","object":{"items":"no"}}"# + "\n" + #"{"type":"DELETED"}"# + "\n"
        #expect(
            pieces(text, by: size) == [
                #"whole {"type":"ADDED","object":{"items":"no"}}"#, #"whole {"type":"DELETED"}"#,
            ])
    }

    @Test("an empty list, and one whose items come first")
    func edges() {
        #expect(pieces(#"{"items":[]}"#, by: 3) == [#"whole {"items":[]}"#])
        #expect(pieces(#"{"items":[{}],"x":[{}]}"#, by: 3) == ["item {}", #"whole {"items":[],"x":[{}]}"#])
    }
}
