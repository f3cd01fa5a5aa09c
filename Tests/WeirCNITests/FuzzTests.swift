import Foundation
import TestSupport
import Testing

@testable import WeirCNI

/// What comes to the plugin from elsewhere, changed: whatever it is, the plugin ends with a sentence.
struct FuzzTests {
    private static let configuration = """
        {"cniVersion":"1.0.0","name":"pods","type":"weir-cni","socket":"/nobody.sock","timeoutSeconds":15,
         "failurePolicy":"block","excludeNamespaces":["kube-system"],"cni.dev/valid-attachments":[{"containerID":"a"}],
         "prevResult":{"interfaces":[{"name":"eth0","sandbox":"/run/netns/x"}],"ips":[{"interface":0,"address":"::1/64"}]}}
        """
    private static let environment = [
        "CNI_COMMAND": "DEL", "CNI_CONTAINERID": "abc", "CNI_NETNS": "/run/netns/x", "CNI_IFNAME": "eth0",
        "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_UID=1-2;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart;Empty=",
    ]

    @Test func configurationsAndEnvironments() {
        Mutator.rounds { mutator in
            let input =
                mutator.below(2) == 0
                ? mutator.mutate([UInt8](Self.configuration.utf8))
                : [UInt8](mutator.mutate(tokens: Self.configuration).utf8)
            var environment = Self.environment
            let name = mutator.pick(environment.keys.sorted())
            if mutator.below(3) == 0 { environment[name] = mutator.mutate(tokens: environment[name] ?? "") }
            // ADD and CHECK would wait for an agent.
            environment["CNI_COMMAND"] = mutator.pick(["DEL", "VERSION", "GC", "DEL", "x", ""])
            let outcome = Plugin.run(environment, input: input)
            #expect(outcome.status == 0 || outcome.status == 1)
            #expect(outcome.output.isEmpty || (try? JSONDocument(outcome.output)) != nil)
        }
    }

    /// No cut or changed answer is taken for another one: what is a success says so in whole.
    @Test func answers() {
        let whole = [UInt8](StubAgent.ok("exempt").utf8)
        for count in 0..<whole.count { #expect((try? AgentAnswer(Array(whole[..<count]))) == nil) }
        Mutator.rounds { mutator in
            let body = StubAgent.body("exempt")
            let start = mutator.pick([
                StubAgent.ok("exempt"), StubAgent.response("503 No", #"{"error":"x"}"#),
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n",
            ])
            let bytes =
                mutator.below(2) == 0
                ? mutator.mutate([UInt8](start.utf8)) : [UInt8](mutator.mutate(tokens: start).utf8)
            guard let answer = try? AgentAnswer(bytes) else { return }
            #expect(answer.body.count <= bytes.count)
            guard let verdict = AgentVerdict(answer.body) else { return }
            let text = String(decoding: answer.body, as: UTF8.self)
            #expect(text.contains("weir.cni/v1") && text.contains(verdict.kind.rawValue), "\(text)")
        }
    }
}
