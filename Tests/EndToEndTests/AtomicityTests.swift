import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// The policy changes under as many connections as the machine makes: each is decided by the old policy or by the
    /// new one, never by half of each.
    @Suite struct Atomicity {
        /// Two policies without a common value: where the proxy listens, ports, ranges and whose sockets are the
        /// proxy's. Each target tells a mixture of two parts from both: it comes to neither one's outcome.
        private struct Target {
            let text: String
            /// Who answers under the one policy and under the other.
            let outcomes: Set<String>
        }

        private static let targets = [
            // The list of one policy and the port of the other.
            Target(text: "10.200.9.1:2000@1000", outcomes: ["outside", "second"]),
            Target(text: "10.200.9.1:3000@1000", outcomes: ["first", "outside"]),
            Target(text: "10.200.1.1:80@1000", outcomes: ["outside", "second"]),
            Target(text: "10.200.2.1:80@1000", outcomes: ["first", "outside"]),
            Target(text: "10.200.9.1:80@1500", outcomes: ["outside", "second"]),
            Target(text: "10.200.9.1:80@1501", outcomes: ["first", "outside"]),
            // Two lists, one of each: whoever sees neither entry redirects what both leave alone.
            Target(text: "10.200.2.1:2000@1000", outcomes: ["outside"]),
            Target(text: "10.200.1.1:3000@1000", outcomes: ["outside"]),
            Target(text: "10.200.9.1:3000@1500", outcomes: ["outside"]),
            Target(text: "10.200.9.1:2000@1501", outcomes: ["outside"]),
            Target(text: "10.200.2.1:80@1500", outcomes: ["outside"]),
            Target(text: "10.200.1.1:80@1501", outcomes: ["outside"]),
            // Neither list.
            Target(text: "10.200.9.1:80@1000", outcomes: ["first", "second"]),
        ]

        @Test(arguments: ["ebpf", "nftables"])
        func oldOrNew(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 70)
            let stubs = [
                try Listener("first", ports: [15001], in: pod.proxy),
                try Listener("second", ports: [15002], in: pod.proxy),
                try Listener.outside(of: pod, ports: [80, 2000, 3000]),
            ]
            let policies = [policy(pod, 15001, 1500, 2000, 1), policy(pod, 15002, 1501, 3000, 2)]
            let weir = try Installation([policies[0]], mechanism: mechanism)
            let agent = try weir.startAgent()
            let clients = try ChildProcess(
                [Programs.exercise.get(), "reach", "--processes", "3"] + Self.targets.map(\.text),
                in: pod.namespace.place)
            try clients.waitForLine("ready")
            let changes = 120
            for change in 1...changes {
                try weir.configure([policies[change % 2]], mechanism: mechanism)
                agent.signal(SIGHUP)
                _ = Eventually.value { agent.errors.count(of: "configuration applied") >= change ? true : nil }
            }
            let result = clients.stop()
            #expect(agent.errors.count(of: "configuration applied") >= changes)
            let seen = try JSONDecoder().decode([String: [String: Int]].self, from: Data(result.output.lastLine.utf8))
            let total = seen.values.flatMap(\.values).reduce(0, +)
            observed("connections with \(mechanism) while the policy changed \(changes) times", total)
            for target in Self.targets {
                let counts = try #require(seen[target.text])
                observed(target.text, "\(counts)")
                #expect(Set(counts.keys) == target.outcomes, "\(target.text)")
                #expect(counts.values.allSatisfy { $0 > 20 }, "\(target.text)")
            }
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        private func policy(_ pod: Pod, _ proxy: Int, _ uid: Int, _ port: Int, _ range: Int) -> String {
            // Enough of each that filling a policy takes a while.
            let ranges = (0..<300).map { "10.\(range).\($0 / 200).\($0 % 200)/32" }.joined(separator: ", ")
            return """
                name: \(pod.namespace.name)
                selector: {netns: \(pod.namespace.path)}
                proxy: {outbound: \(proxy), uid: \(uid)}
                outbound: {excludePorts: [\(port)], excludeRanges: [10.200.\(range).0/24, \(ranges)]}
                """
        }
    }
}

extension String {
    fileprivate func count(of part: String) -> Int { components(separatedBy: part).count - 1 }
    fileprivate var lastLine: String { split(separator: "\n").last.map(String.init) ?? "" }
}
