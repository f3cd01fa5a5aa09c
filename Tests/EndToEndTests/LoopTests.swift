import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// A proxy that is not known as the workload's: what it connects to comes back to it.
    @Suite struct Loops {
        private static let destination = Family.ipv4.destination(130)

        struct Seen: Decodable { let connections, queries: Int }

        /// With eBPF the circle is cut; with nftables nobody can, and it is told.
        @Test(arguments: ["ebpf", "nftables"])
        func anUnknownProxy(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: mechanism == "ebpf" ? 130 : 131)
            let name = pod.namespace.name
            let weir = try Installation()
            let workload = """
                name: \(name)
                selector: {netns: \(pod.namespace.path)}
                dns: all
                proxy: {outbound: 15001, inbound: 15006, dns: 15053, uid: 1337}
                """
            try weir.configure([workload], mechanism: mechanism)
            let agent = try weir.startAgent()
            let limit = 100
            let outside = try Listener.outside(of: pod)
            let proxy = try ChildProcess(
                [
                    "python3", try Workspace.fixture("looping.py"), "15001", "15053", Self.destination, "\(limit)",
                ], in: pod.application)
            try proxy.waitForLine("ready")

            let attempts = try Family.allCases.map { family in
                try Attempt.start(
                    "blocking", to: Endpoint(family.destination(130), 80), options: ["--timeout", "60000"],
                    in: pod.application)
            }
            let answer = try Resolution.run("unconnected", server: Self.destination, in: pod.application)
            observed("\(mechanism), DNS", answer)
            #expect(answer.first.facts == nil)
            let told = Eventually.value(within: 60) { agent.errors.contains("connections go round") ? true : nil }
            #expect(told == true, "\(agent.errors)")
            #expect(agent.errors.contains("(python3) with uid 1000 and gid 1000 listens at the proxy's port 15001"))
            let counted = try weir.counters(of: name).filter { $0.reason == "loop" }
            observed("\(mechanism), counters", counted)
            let check = try weir.run(["check", "--category", "workloads"])
            observed("\(mechanism), weir check", check.output)
            #expect(check.output.contains("the proxy of workload \(name) is known"))
            #expect(check.output.contains("(python3) with uid 1000 and gid 1000 listens at the proxy's port 15001"))
            #expect(check.status == (mechanism == "ebpf" ? 0 : 1))
            #expect(
                (check.output.firstMatch(of: /; \d+ of its connections have, and are open/) == nil)
                    == (check.status == 0))
            let asked = try weir.succeed(["explain", name, "\(Self.destination):80", "--from", "proxy"])
            observed("\(mechanism), weir explain", asked)
            #expect(asked.contains("outbound (loop)") && asked.contains("(python3) with uid 1000"))
            let known = try weir.succeed(["explain", name, "\(Self.destination):80", "--uid", "1337"])
            #expect(known.contains("direct (proxy)") && known.contains("known as the proxy's by its uid"))
            proxy.stop()
            for attempt in attempts { #expect(try Attempt.finish(attempt).facts == nil) }
            let text = proxy.output.split(separator: "\n").last.map(String.init) ?? ""
            let seen = try JSONDecoder().decode(Seen.self, from: Data(text.utf8))
            observed("\(mechanism), the proxy got", text)
            if mechanism == "ebpf" {
                #expect(seen.connections < 50)
                #expect(seen.queries < 50)
                #expect(counted.contains { $0.transport == "tcp" && $0.verdict == "refuse" })
                #expect(counted.contains { $0.transport == "udp" && $0.verdict == "refuse" })
            } else {
                #expect(seen.connections > limit, "the fixture does not go round")
            }
            try weir.succeed(["unload"])
            #expect(Eventually.value { agent.poll() } == 0)
            outside.process.stop()
        }

        /// The processes of a cgroup; who listens outside of it is not intercepted, and so needs no name.
        @Test func aHostWorkload() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let host = try Pod(number: 135)
            let cgroup = try Cgroup()
            let weir = try Installation([
                "name: shop\nselector: {cgroup: \(cgroup.path)}\nproxy: {outbound: 15001, uid: 1337}"
            ])
            let agent = try weir.startAgent(in: host.namespace.place)
            var member = host.application
            member.cgroup = cgroup.path
            for isMember in [false, true] {
                let proxy = try ChildProcess(
                    ["python3", try Workspace.fixture("looping.py"), "15001", "15053", Self.destination, "100"],
                    in: isMember ? member : host.application)
                try proxy.waitForLine("ready")
                let attempt = try Attempt.run("blocking", to: Endpoint(Self.destination, 80), in: member)
                #expect(attempt.facts == nil)
                let loops = try weir.connections(of: "shop", "loop")
                let check = try weir.run(["check", "--category", "workloads"], in: host.namespace.place)
                observed("a host workload, the proxy is a member: \(isMember), \(loops) refused", check.output)
                #expect((loops > 0) == isMember)
                #expect(check.output.contains("the proxy of workload shop is known") == isMember)
                proxy.stop()
            }
            try weir.succeed(["unload"], in: host.namespace.place)
            #expect(Eventually.value { agent.poll() } == 0)
        }
    }
}
