import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// What a workload is intercepted with: chosen, said, and changed while it works.
    @Suite struct Mechanisms {
        private static let destination = Endpoint(Family.ipv4.destination(60), 80)

        /// The kernel refuses bpf(2): nftables takes its place, and every command goes on without maps.
        @Test func autoWithoutPrograms() throws {
            let pod = try Pod(number: 60)
            let name = pod.namespace.name
            let stubs = try stubs(of: pod)
            let weir = try Installation([.istio(pod, "outbound: {excludePorts: [9000]}")], mechanism: "auto")
            let agent = try weir.startAgent(in: .withoutBPF)
            #expect(agent.errors.contains("no BPF programs; nftables takes their place"))
            try expectRedirected(pod, in: Family.allCases)
            #expect(try reached(pod, Endpoint(Self.destination.address, 9000)) == "outside")

            for isRunning in [true, false] {
                let status = try weir.run(["status"], in: .withoutBPF)
                #expect(status.status == 0, "\(status.output)\(status.errors)")
                #expect(status.output.contains("mechanism  nftables: no programs under"))
                #expect(status.output.contains("cannot load the BPF programs: operation not permitted") == isRunning)
                #expect(try weir.succeed(["workloads"], in: .withoutBPF).contains(name))
                #expect(try weir.connections(of: name, "outbound") == 2)
                #expect(try weir.connections(of: name, "inbound") == 2)
                #expect(try weir.connections(of: name, "excluded_port") == 1)
                try expectExplanations(weir, pod)
                let check = try weir.run(["check", "--skip", "foreign"], in: .withoutBPF)
                observed("weir check without bpf(2)", check.output)
                #expect(check.status == 0)
                #expect(check.output.contains("√ workload \(name) is intercepted"))
                #expect(check.output.contains("workloads are intercepted with nftables (auto: cannot load"))
                if isRunning { agent.stop(SIGKILL) }
            }
            #expect(try weir.succeed(["unload"], in: .withoutBPF).contains("1 namespaces cleaned"))
            #expect(weir.isGone)
            #expect(try reached(pod, Self.destination) == "outside")
            for stub in stubs { stub.process.stop() }
        }

        private func expectExplanations(_ weir: Installation, _ pod: Pod) throws {
            let name = pod.namespace.name
            for (question, answer) in [
                ([Self.destination.description], ["outbound to", ": outbound (outbound)", "decided by "]),
                (["\(Self.destination.address):9000"], ["direct (excluded_port)", "decided by outbound.excludePorts"]),
                ([Self.destination.description, "--from", "proxy"], ["direct (proxy)"]),
                (["127.0.0.1:80"], ["direct (local_address)", "local"]),
                (["\(pod.address(.ipv4)):8080", "--from", "outside"], ["inbound (inbound)"]),
                (["\(pod.address(.ipv4)):8080", "--from", "proxy"], ["inbound (own_address)", "local"]),
            ] {
                let text = try weir.succeed(["explain", name] + question, in: .withoutBPF)
                observed("explain \(question)", text)
                for part in answer { #expect(text.contains(part), "\(question)") }
            }
        }

        @Test func autoWithPrograms() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 61)
            let stubs = try stubs(of: pod)
            let weir = try Installation([.istio(pod, "")], mechanism: "auto")
            let agent = try weir.startAgent()
            try expectRedirected(pod, in: Family.allCases)
            let status = try weir.succeed(["status"])
            #expect(status.contains("ebpf where a workload does not say (auto: the kernel takes every program)"))
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// `weir explain` names what was written, by the mesh's own word for it.
        @Test(arguments: ["ebpf", "nftables"])
        func theAnnotationIsCited(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 73)
            let annotations = """
                annotations:
                  traffic.sidecar.istio.io/excludeOutboundPorts: "9000"
                  traffic.sidecar.istio.io/excludeOutboundIPRanges: "10.96.0.0/16"
                  traffic.sidecar.istio.io/excludeInboundPorts: "9100"
                """
            let weir = try Installation([.istio(pod, annotations)], mechanism: mechanism)
            try weir.load()
            for (question, source) in [
                (["203.0.113.7:9000"], "traffic.sidecar.istio.io/excludeOutboundPorts"),
                (["10.96.0.1:80"], "traffic.sidecar.istio.io/excludeOutboundIPRanges"),
                (["\(pod.address(.ipv4)):9100", "--from", "outside"], "traffic.sidecar.istio.io/excludeInboundPorts"),
            ] {
                let text = try weir.succeed(["explain", pod.namespace.name] + question)
                #expect(text.contains("decided by \(source), rule "), "\(question): \(text)")
            }
            // The proxy's process has both.
            let proxy = try weir.succeed(["explain", pod.namespace.name, "192.0.2.1:80", "--from", "proxy"])
            #expect(proxy.contains("direct (proxy)") && proxy.contains("facts: proxy_first_uid proxy_gid"), "\(proxy)")
            try weir.succeed(["unload"])
        }

        /// Who asks for programs gets them or a sentence.
        @Test(arguments: ["agent", "load"])
        func programsThatCannotBeHad(_ command: String) throws {
            let pod = try Pod(number: 62)
            let weir = try Installation([.istio(pod, "mechanism: ebpf")], mechanism: "auto")
            let result = try weir.run([command], in: .withoutBPF)
            #expect(result.status == 2)
            #expect(result.errors.contains("weir: cannot load the BPF programs: operation not permitted; run as root"))
            #expect(weir.isGone)
        }

        /// From one mechanism to the other and back, by an agent that started without programs.
        @Test func switching() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 63)
            let stubs = try stubs(of: pod)
            let weir = try Installation([.istio(pod, "")], mechanism: "nftables")
            let agent = try weir.startAgent()
            #expect(access("/sys/fs/bpf/\(weir.pins)", F_OK) != 0, "programs that nobody asked for")
            let making = try BusyClient(.make, to: Self.destination, in: pod.application)
            for mechanism in ["ebpf", "nftables", "ebpf", "nftables"] {
                try weir.configure([.istio(pod, "")], mechanism: mechanism)
                agent.signal(SIGHUP)
                let isSwitched = try Eventually.value {
                    try weir.succeed(["workloads"]).contains("  \(mechanism)  ") ? true : nil
                }
                #expect(isSwitched == true)
                try expectRedirected(pod, in: Family.allCases)
            }
            let reached = try making.finishMaking()
            observed("connections made while the mechanism changed four times", "\(reached)")
            #expect(Set(reached.keys) == ["proxy \(Self.destination)"])
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// Rules that somebody else removes, in part or with all there are in the namespace, come back.
        @Test(arguments: ["flush ruleset", "delete table inet weir", "flush table inet weir"])
        func rulesComeBack(_ command: String) throws {
            let pod = try Pod(number: 72)
            let stubs = try stubs(of: pod)
            let weir = try Installation([.istio(pod, "")], mechanism: "nftables")
            let agent = try weir.startAgent()
            #expect(try reached(pod, Self.destination) == "proxy")
            try Command.run(["nft"] + command.split(separator: " ").map(String.init), in: pod.namespace.place)
            try agent.waitForLine("they are back", in: .errors)
            try expectRedirected(pod, in: Family.allCases)
            // Rules of others beside them are none of the agent's business.
            try Command.run(["nft", "add table inet other"], in: pod.namespace.place)
            #expect(try weir.run(["check", "--category", "workloads"]).status == 0)
            try weir.succeed(["unload"])
            #expect(try agent.wait().errors.components(separatedBy: "they are back").count == 2)
            for stub in stubs { stub.process.stop() }
        }

        /// An element that somebody takes out of a set comes back, before and after the set was made anew.
        @Test func elementsComeBack() throws {
            let pod = try Pod(number: 84)
            let stubs = try stubs(of: pod)
            let annotations =
                "annotations: {traffic.sidecar.istio.io/excludeOutboundIPRanges: \"203.0.113.0/24,10.96.0.0/16\"}"
            let weir = try Installation([.istio(pod, annotations)], mechanism: "nftables")
            let agent = try weir.startAgent()
            for time in 1...2 {
                let sets = try Command.run(["nft", "-t", "list", "sets", "inet"], in: pod.namespace.place)
                let name = try #require(sets.firstMatch(of: /set (interval_\w+) \{\s*type ipv4_addr/)?.1)
                let list = ["nft", "list", "set", "inet", "weir", String(name)]
                let set = try Command.run(list, in: pod.namespace.place)
                #expect(set.contains("203.0.113.0/24") && set.contains("10.96.0.0/16"))
                try Command.run(
                    ["nft", "delete element inet weir \(name) { 203.0.113.0/24 }"], in: pod.namespace.place)
                let isBack = Eventually.value {
                    agent.errors.components(separatedBy: "they are back").count > time ? true : nil
                }
                #expect(isBack == true)
                #expect(try reached(pod, Endpoint("203.0.113.7", 80)) == "outside")
                #expect(try reached(pod, Self.destination) == "proxy")
            }
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// What was removed from the configuration while no agent ran goes when one runs again.
        @Test func removedMeanwhile() throws {
            let pod = try Pod(number: 64)
            let stubs = try stubs(of: pod)
            let weir = try Installation([.istio(pod, "")], mechanism: "nftables")
            let first = try weir.startAgent()
            #expect(try reached(pod, Self.destination) == "proxy")
            first.stop(SIGKILL)
            try weir.configure([], mechanism: "nftables")
            let second = try weir.startAgent()
            #expect(try reached(pod, Self.destination) == "outside")
            #expect(second.poll() == nil)
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        private func stubs(of pod: Pod) throws -> [Listener] {
            [try .proxy(in: pod), try .outside(of: pod), try .application(in: pod)]
        }

        private func reached(_ pod: Pod, _ destination: Endpoint) throws -> String? {
            try Attempt.run("blocking", to: destination, in: pod.application).facts?.name
        }

        private func expectRedirected(_ pod: Pod, in families: [Family]) throws {
            for family in families {
                let destination = Endpoint(family.destination(60), 80)
                let outbound = try Attempt.run("blocking", to: destination, in: pod.application)
                #expect(outbound.facts?.name == "proxy" && outbound.facts?.port == 15001, "\(outbound)")
                #expect(outbound.facts?.origin == destination)
                let own = Endpoint(pod.address(family), 8080)
                let inbound = try Attempt.run("blocking", to: own, in: pod.outside.place)
                #expect(inbound.facts?.name == "proxy" && inbound.facts?.port == 15006, "\(inbound)")
                #expect(inbound.facts?.origin == own)
            }
        }
    }
}
