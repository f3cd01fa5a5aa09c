import Testing

@testable import WeirKubernetes

@Suite struct ObjectSplitterTests {
    private func pieces(_ text: String, by size: Int) -> [String] {
        var splitter = ObjectSplitter(limit: 1 << 20)
        let bytes = Array(text.utf8)
        let found = stride(from: 0, to: bytes.count, by: size).flatMap {
            splitter.add(bytes[$0..<min($0 + size, bytes.count)])
        }
        #expect(splitter.isAtRest)
        return found.map {
            switch $0 {
            case .item(let bytes): "item " + String(decoding: bytes, as: UTF8.self)
            case .whole(let bytes): "whole " + String(decoding: bytes, as: UTF8.self)
            case .itemTooLong: "item too long"
            case .wholeTooLong: "whole too long"
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

    @Test("the events of a watch come out one by one, also after one that is no JSON", arguments: [1, 5, 1000])
    func watch(size: Int) {
        let text = #"{"type":"ADDED","object":{"items":"no"}}"# + "\n]}}\n\n{\"a\":\"{[\n" + "{\"type\":\"DELETED\"}\n"
        var splitter = LineSplitter(limit: 100)
        let bytes = Array(text.utf8)
        let found = stride(from: 0, to: bytes.count, by: size).flatMap {
            splitter.add(bytes[$0..<min($0 + size, bytes.count)])
        }
        #expect(
            found
                == [
                    #"{"type":"ADDED","object":{"items":"no"}}"#, "]}}", #"{"a":"{["#, #"{"type":"DELETED"}"#,
                ].map { .line(Array($0.utf8)) })
    }

    @Test("what has no end is not kept, told once, and does not hide what comes after it", arguments: [1, 7, 1000])
    func bounded(size: Int) {
        let long = String(repeating: "x", count: 300)
        var lines = LineSplitter(limit: 100)
        let watch = Array("\(long)\(long)\nnext\n".utf8)
        let told = stride(from: 0, to: watch.count, by: size).flatMap {
            lines.add(watch[$0..<min($0 + size, watch.count)])
        }
        #expect(told == [.tooLong, .line(Array("next".utf8))])

        var splitter = ObjectSplitter(limit: 100)
        let list = Array(#"}]{"items":[{"a":"\#(long)"},{"b":1}]}"#.utf8)
        let found = stride(from: 0, to: list.count, by: size).flatMap {
            splitter.add(list[$0..<min($0 + size, list.count)])
        }
        #expect(
            found == [
                .itemTooLong, .item(Array(#"{"b":1}"#.utf8)), .whole(Array(#"{"items":[]}"#.utf8)),
            ])
        var endless = ObjectSplitter(limit: 100)
        #expect(endless.add(Array(#"{"a":"\#(long)"#.utf8)) == [.wholeTooLong])
    }

    @Test("an empty list, and one whose items come first")
    func edges() {
        #expect(pieces(#"{"items":[]}"#, by: 3) == [#"whole {"items":[]}"#])
        #expect(pieces(#"{"items":[{}],"x":[{}]}"#, by: 3) == ["item {}", #"whole {"items":[],"x":[{}]}"#])
    }
}
