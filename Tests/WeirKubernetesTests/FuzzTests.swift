import Foundation
import TestSupport
import Testing

@testable import WeirKubernetes

/// Objects and watches that no API server would write: each is a pod, or a sentence.
@Suite struct FuzzTests {
    private static let pod = """
        {"metadata": {"name": "cart-0", "namespace": "shop", "uid": "0b0f6d1c-5f0e", "resourceVersion": "42",
          "labels": {"osm-proxy-uuid": "x", "app": "cart"}, "ownerReferences": [{"kind": "Node", "name": "node-1"}],
          "annotations": {"sidecar.istio.io/status": "{}", "kubernetes.io/config.hash": "8b0b1d5cf24c1b3c0c7b5ad2e8b3f7a1",
           "traffic.sidecar.istio.io/excludeOutboundPorts": "80,90", "weir.io/proxy-containers": "edge, app",
           "kubernetes.io/config.mirror": "y", "kubernetes.io/config.source": "file", "weir.io/mesh": "kuma",
           "traffic.kuma.io/transparent-proxy-config": "redirect: {dns: {enabled: true}}"}},
         "spec": {"nodeName": "node-1", "hostNetwork": false, "securityContext": {"runAsUser": 2000},
          "initContainers": [{"name": "istio-validation"}, {"name": "edge", "restartPolicy": "Always"}],
          "containers": [{"name": "app", "args": ["proxy", "sidecar"], "env": [{"name": "DISABLE_ENVOY", "value": "no"}]},
           {"name": "istio-proxy", "securityContext": {"runAsUser": 1337, "runAsGroup": 1337}}]},
         "status": {"phase": "Running", "podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}, {"ip": "fd00::3"}]}}
        """.replacing("\n", with: " ")

    private func mutate(_ text: String, _ mutator: inout Mutator) -> [UInt8] {
        mutator.below(2) == 0 ? mutator.mutate([UInt8](text.utf8)) : [UInt8](mutator.mutate(tokens: text).utf8)
    }

    @Test func objects() {
        Mutator.rounds { mutator in
            let line = mutate(#"{"type":"ADDED","object":\#(Self.pod)}"#, &mutator)
            guard let event = try? WatchEvent(Array(line)) else { return }
            switch event {
            case .changed(let object), .deleted(let object):
                guard let pod = try? object.read() else { return }
                #expect(pod.name == object.name)
                #expect(PodName.isName(pod.metadata.name) && PodName.isUID(pod.metadata.uid))
                #expect(PodName.isUID(pod.nodeUID))
                _ = pod.digest
                switch Membership(pod) {
                case .exempt(let sentence), .invalid(let sentence): #expect(!sentence.isEmpty)
                case .meshed(let meshed): #expect(!meshed.proxies.isEmpty)
                }
            case .odd(let object): #expect(object.sentence.utf8.count < 2000)
            case .bookmark: break
            }
        }
    }

    @Test func streams() {
        Mutator.rounds(150) { mutator in
            let events = (0..<3).map { _ in #"{"type":"MODIFIED","object":\#(Self.pod)}"# }.joined(separator: "\n")
            let watch = mutate(events, &mutator)
            let list = mutate(
                #"{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[{"a":1},\#(Self.pod)]}"#, &mutator)
            var lines = LineSplitter(limit: 4000)
            var objects = ObjectSplitter(limit: 4000)
            var at = 0
            while at < max(watch.count, list.count) {
                let size = mutator.below(2000) + 1
                for case .line(let line) in lines.add(watch.dropFirst(at).prefix(size)) {
                    #expect(line.count <= 4000 && !line.contains(0x0a))
                    _ = try? WatchEvent(Array(line))
                }
                for case .item(let item) in objects.add(list.dropFirst(at).prefix(size)) {
                    #expect(item.count <= 4000)
                    _ = APIServer.decode(Array(item))
                }
                at += size
            }
            // Whatever came before, a line of its own is read.
            let last = #"{"type":"ADDED","object":\#(Self.pod)}"#
            #expect(lines.add(Array("\n\(last)\n".utf8)).last == .line(Array(last.utf8)))
        }
    }
}
