import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// What is said of a workload that is none any more.
    @Suite struct GoneWorkloads {
        /// Records keep the name that their workload had.
        @Test func recordsHaveTheName() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let (pod, other) = (try Pod(number: 48), try Pod(number: 49))
            let stub = try Listener.proxy(in: pod)
            let weir = try Installation([.istio(pod), .istio(other)])
            let agent = try weir.startAgent()
            let name = pod.namespace.name
            _ = try Attempt.run("blocking", to: Endpoint("203.0.113.48", 80), in: pod.application)
            #expect(try Eventually.value { try weir.flows().isEmpty ? nil : true } == true)
            try weir.configure([.istio(other)])
            agent.signal(SIGHUP)
            try agent.waitForLine("configuration applied", in: .errors)
            for arguments in [["flows"], ["flows", name]] {
                let text = try weir.succeed(arguments)
                #expect(text.contains(" workload=\(name) "), "\(text)")
            }
            #expect(try weir.succeed(["flows", "-o", "json"]).contains("\"workloadName\":\"\(name)\""))
            #expect(try weir.succeed(["flows", other.namespace.name]) == "")
            let unknown = try weir.run(["flows", "nobody"])
            #expect(
                unknown.status == 2 && unknown.errors.contains("there is no workload \"nobody\""), "\(unknown.errors)")
            let following = try weir.run(["flows", "-f", name])
            #expect(following.status == 2 && following.errors.contains("there is no workload \"\(name)\""))
            try weir.succeed(["unload"])
            stub.process.stop()
        }

        /// Counters have no name beside them in the kernel: the words are said to be what they are.
        @Test func countersAreOfARemovedWorkload() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let name = Namespace.newName()
            var pod: Pod? = try Pod(number: 48, name: name)
            let weir = try Installation(["name: made anew\nselector: {netns: /run/netns/\(name)}\nmesh: istio"])
            let agent = try weir.startAgent()
            let stub = try Listener.proxy(in: try #require(pod))
            _ = try Attempt.run("blocking", to: Endpoint("203.0.113.48", 80), in: try #require(pod).application)
            stub.process.stop()
            pod = nil
            let again = try Pod(number: 48, name: name)
            #expect(try Eventually.value { try weir.workloads()["made anew"] == 1 ? nil : true } == true)
            let stats = try weir.succeed(["stats"])
            #expect(stats.contains("removed workload 1 "), "\(stats)")
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            withExtendedLifetime(again) {}
        }
    }
}
