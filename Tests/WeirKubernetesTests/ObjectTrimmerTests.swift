import Foundation
import TestSupport
import Testing

@testable import WeirKubernetes

@Suite struct ObjectTrimmerTests {
    private func trim(_ json: String) -> String {
        String(decoding: ObjectTrimmer(Array(json.utf8)).trimmed, as: UTF8.self)
    }

    @Test(
        "what nobody reads is left out",
        arguments: [
            (#"{"labels": {"app": "x", "weir.io/mesh": "kuma"}}"#, #"{"labels": {"weir.io/mesh": "kuma","app":""}}"#),
            (#"{"annotations":{}}"#, #"{"annotations":{}}"#),
            (
                #"{"annotations":{ "a" : {"b": ["}", 1]} , "c":null }, "x":[1]}"#,
                #"{"annotations":{"a":"","c":""}, "x":[1]}"#
            ),
            (#"{"managedFields" : [{"a": "]\"["}, []], "name": "b"}"#, #"{"managedFields" : [], "name": "b"}"#),
            (
                #"{"labels": null, "annotations": ["a"], "managedFields": {}}"#,
                #"{"labels": null, "annotations": ["a"], "managedFields": {}}"#
            ),
            // A value, not a name.
            (#"{"name": "annotations", "value": {"a": "b"}}"#, #"{"name": "annotations", "value": {"a": "b"}}"#),
            // One that is escaped may be any.
            (#"{"labels":{"a\u002f":"b"}}"#, #"{"labels":{"a\u002f":"b"}}"#),
        ])
    func table(json: String, expected: String) {
        #expect(trim(json) == expected)
        #expect(trim(expected) == expected)
    }

    @Test(
        "what is no JSON stays none",
        arguments: [
            #"{"labels": {"a": "b"#, #"{"labels": {"a": "b","#, #"{"labels": {"a" "b"}}"#, #"{"labels": {"a": "b"]}"#,
            #"{"managedFields": ["#, #"{"labels":"#, #"{"labels""#, #"{"labels": {"a": "b\"#, "\"", "{\"labels\": {,}}",
        ])
    func broken(json: String) {
        let trimmed = Data(ObjectTrimmer(Array(json.utf8)).trimmed)
        #expect(throws: (any Error).self) { try JSONSerialization.jsonObject(with: trimmed) }
    }

    @Test("16,000 annotations of a pod's own leave as much as none, and one that counts")
    func many() throws {
        let own = (0..<16000).map { #""a\#($0)":"\#(String(repeating: "b", count: 8))""# }
        let entries = (own + [#""weir.io/mesh":"kuma""#]).shuffled().joined(separator: ",")
        #expect(
            trim(#"{"metadata":{"annotations":{\#(entries)}}}"#)
                == #"{"metadata":{"annotations":{"weir.io/mesh":"kuma"}}}"#)

        let known = (0..<16000).map { #""a\#($0).istio.io/x":"y""# }.joined(separator: ",")
        #expect(trim(#"{"annotations":{\#(known)}}"#).utf8.count < 10000)
        #expect(throws: OddPod.self) { try PodText.pod(annotations: "{\(known)}", containers: "[\(PodText.app)]") }
    }

    /// JSON that was JSON stays so, and says the same of all else.
    @Test func mutations() {
        let text = #"""
            {"metadata": {"labels": {"a": "b", "osm-proxy-uuid": "x\"y"}, "annotations": {"sidecar.istio.io/status": "{}",
             "c": ["d", {}]}, "managedFields": [{"e": {}}], "uid": "u"}, "labels": [], "spec": {"labels": {"f": null}}}
            """#
        Mutator.rounds { mutator in
            let json = [UInt8](mutator.mutate(tokens: text).utf8)
            let trimmed = ObjectTrimmer(json).trimmed
            let before = try? JSONSerialization.jsonObject(with: Data(json)) as? NSDictionary
            let after = try? JSONSerialization.jsonObject(with: Data(trimmed)) as? NSDictionary
            guard let before else { return }
            #expect(after != nil, "\(String(decoding: json, as: UTF8.self))")
            let wanted = (before["metadata"] as? NSDictionary)?["uid"] as? String
            #expect((after?["metadata"] as? NSDictionary)?["uid"] as? String == wanted)
        }
    }
}
