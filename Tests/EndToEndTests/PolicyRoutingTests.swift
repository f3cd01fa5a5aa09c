import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Excluded interfaces, where more than the destination decides which interface a connection leaves by.
    @Suite struct PolicyRouting {
        /// A rule that sends some of a pod's connections out by `net1`, and an attempt of each kind: by that rule, and not.
        struct Case: Sendable, CustomTestStringConvertible {
            let family: Family
            let rule: String
            let matching: String
            /// Nil: the rule is for the destination of them all.
            let other: String?
            /// Whether BPF programs know the interface.
            var isByDestination = false

            var testDescription: String { "\(family): \(rule)" }

            static let all = Family.allCases.flatMap { family -> [Case] in
                let to = "tcp \(family.destination(7)) 80"
                let (own, eth0) = (PolicyRouting.address(family), family == .ipv4 ? "10.77.71.10" : "fd00:77:71::10")
                return [
                    Case(
                        family: family, rule: "from \(own)", matching: "\(to) source=\(own)",
                        other: "\(to) source=\(eth0)"),
                    Case(family: family, rule: "fwmark 7", matching: "\(to) mark=7", other: to),
                    Case(family: family, rule: "uidrange 1000-1000", matching: to, other: nil),
                    Case(family: family, rule: "ipproto tcp dport 80", matching: to, other: nil),
                    Case(
                        family: family, rule: "to \(family.destination(7))", matching: to,
                        other: "tcp \(family.destination(8)) 80", isByDestination: true),
                ]
            }
        }

        /// Seen without Weir, and with it.
        @Test(arguments: Case.all, ["auto", "nftables"])
        func excluded(_ example: Case, _ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Self.pod()
            try Self.add(example, to: pod)
            let stubs = [try Listener.proxy(in: pod), try .outside(of: pod)]
            let weir = try Installation([.istio(pod, Self.annotations)], mechanism: mechanism)
            let agent = try weir.startAgent()
            try Self.expect(example, in: pod)
            #expect(try weir.connections(of: pod.namespace.name, "excluded_interface") == 1)

            let isSwitched = mechanism == "auto" && !example.isByDestination
            let status = try weir.run(["status"]).output
            let check = try weir.run(["check", "--category", "workloads"])
            let sentence = "its namespace has rules of routing that look at more than the destination (ip rule)"
            #expect(status.contains(sentence) == isSwitched, "\(status)")
            #expect(check.output.contains(sentence) == isSwitched, "\(check.output)")
            #expect(check.status == 0)
            #expect(try weir.succeed(["workloads"]).contains("  ebpf  ") == (mechanism == "auto" && !isSwitched))
            let (destination, source) = (Endpoint(example.family.destination(7), 80), Self.address(example.family))
            let question =
                [destination.description, "--uid", "1000"]
                + (example.rule.hasPrefix("from") ? ["--source", source] : [])
            if !example.rule.hasPrefix("fwmark") {
                let answer = try weir.succeed(["explain", pod.namespace.name] + question)
                #expect(answer.contains("direct (excluded_interface)"), "\(answer)")
            }
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// The rule comes when the workload is in force.
        @Test func rulesThatCome() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Self.pod()
            let stubs = [try Listener.proxy(in: pod), try .outside(of: pod)]
            let weir = try Installation([.istio(pod, Self.annotations)], mechanism: "auto")
            let agent = try weir.startAgent()
            #expect(try weir.succeed(["workloads"]).contains("  ebpf  "))
            let example = Case.all[0]
            try Self.add(example, to: pod)
            try agent.waitForLine("mechanism=nftables", in: .errors)
            try Self.expect(example, in: pod)
            #expect(try weir.succeed(["status"]).contains("it is intercepted with nftables (auto: its policy names"))
            // A reload comes to the same; without the rule it comes to programs again.
            agent.signal(SIGHUP)
            try pod.namespace.ip(["rule del \(example.rule) lookup 100"])
            let isBack = try Eventually.value {
                agent.signal(SIGHUP)
                return try weir.succeed(["workloads"]).contains("  ebpf  ") ? true : nil
            }
            #expect(isBack == true)
            #expect(try AttemptList.outcomes([example.matching], in: pod.application).values.first == "reached proxy")
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// Who says `ebpf` keeps it, and is told what that means.
        @Test func programsWhoeverAsks() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Self.pod()
            try Self.add(Case.all[0], to: pod)
            let weir = try Installation([.istio(pod, Self.annotations)], mechanism: "ebpf")
            let agent = try weir.startAgent()
            #expect(try weir.run(["status"]).output.contains("decided by the wrong interface: use mechanism: auto"))
            let check = try weir.run(["check", "--category", "workloads"])
            #expect(check.status == 0)
            #expect(check.output.contains("‼ workload \(pod.namespace.name) is decided by the right interface"))
            #expect(check.output.contains("use mechanism: auto or nftables for it"))
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
        }

        /// SO_BINDTODEVICE needs no rule of routing.
        @Test(arguments: Family.allCases, ["ebpf", "nftables"])
        func boundToADevice(_ family: Family, _ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Self.pod()
            let stubs = [try Listener.proxy(in: pod), try .outside(of: pod), try .application(in: pod)]
            let weir = try Installation([.istio(pod, Self.annotations)], mechanism: mechanism)
            try weir.load()
            let attempts = [
                "tcp \(family.destination(7)) 80 device=net1", "tcp \(family.destination(7)) 80",
                "tcp \(Self.address(family)) 8080",
            ]
            let outcomes = try AttemptList.outcomes(attempts, in: pod.application)
            #expect(attempts.map { outcomes[$0] } == ["reached outside", "reached proxy", "reached application"])
            #expect(try weir.connections(of: pod.namespace.name, "excluded_interface") == 1)
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        private static let annotations = "annotations: {traffic.sidecar.istio.io/excludeInterfaces: net1}"

        /// The pod's on `net1`.
        static func address(_ family: Family) -> String { family == .ipv4 ? "10.78.71.10" : "fd00:78:71::10" }

        private static func gateway(_ family: Family) -> String { family == .ipv4 ? "10.78.71.1" : "fd00:78:71::1" }

        private static func expect(_ example: Case, in pod: Pod) throws {
            let attempts = [example.matching] + (example.other.map { [$0] } ?? [])
            // Root alone may mark.
            let place = example.rule.hasPrefix("fwmark") ? pod.namespace.place : pod.application
            let outcomes = try AttemptList.outcomes(attempts, in: place)
            #expect(outcomes[example.matching] == "reached outside", "\(example.matching)")
            if let other = example.other { #expect(outcomes[other] == "reached proxy", "\(other)") }
        }

        private static func add(_ example: Case, to pod: Pod) throws {
            try pod.namespace.ip(
                [
                    "route add default via \(gateway(example.family)) table 100",
                    "rule add \(example.rule) lookup 100",
                ], inet6: example.family == .ipv6)
        }

        /// A pod with a second interface, whose default routes are those of the first.
        private static func pod() throws -> Pod {
            let pod = try Pod(number: 71)
            try Command.run([
                "ip", "link", "add", "net1", "netns", pod.namespace.name, "type", "veth", "peer", "name", "po1",
                "netns", pod.outside.name,
            ])
            for (end, interface, addresses) in [
                (pod.namespace, "net1", Family.allCases.map(address)),
                (pod.outside, "po1", Family.allCases.map(gateway)),
            ] {
                try end.sysctl(["net.ipv6.conf.\(interface).accept_dad": "0"])
                try end.ip([
                    "addr add \(addresses[0])/24 dev \(interface)",
                    "addr add \(addresses[1])/64 dev \(interface) nodad",
                    "link set \(interface) up",
                ])
            }
            // Sockets that are bound to it have a default route, too.
            for family in Family.allCases {
                try pod.namespace.ip(
                    ["route add default via \(gateway(family)) metric 2000"], inet6: family == .ipv6)
                try pod.outside.ip(["rule add iif po1 priority 11 lookup 100"], inet6: family == .ipv6)
            }
            return pod
        }
    }
}
