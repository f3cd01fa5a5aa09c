import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// A load balancer of somebody else's at Weir's hooks, as Cilium and Calico have one: what the application asked for
    /// is what the proxy gets, and what answers and names say, whoever came first.
    @Suite struct OtherBalancer {
        enum Coming: String, CaseIterable, Sendable { case first, second }

        private static let kinds = ["unconnected", "sendmsg", "connected", "tcp"]

        @Test(arguments: Coming.allCases)
        func theServiceIsTheOrigin(_ weirComes: Coming) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let place = try Site(number: weirComes == .first ? 121 : 122)
            let weir = try Installation()
            try weir.configure([.istio(place.pod, "dns: all")], agent: "cgroup: \(place.cgroup.path)")
            var balancer = weirComes == .second ? try Balancer(at: place.cgroup.path) : nil
            var agent = try weir.startAgent()
            if balancer == nil { balancer = try Balancer(at: place.cgroup.path) }
            try place.expectTheService("Weir came \(weirComes)")
            // Behind a program that overwrites the callbacks of sockets, Weir's sees their ends.
            if weirComes == .second {
                let isSeen = try Eventually.value {
                    try weir.flows().contains { $0.verdict == "outbound" && $0.established } ? true : nil
                }
                #expect(isSeen == true)
            }
            try expectOrder(weir, place)

            agent.stop(SIGKILL)
            agent = try weir.startAgent()
            try place.expectTheService("the agent started again")

            agent.stop()
            try weir.pretendVersion(-1)
            agent = try weir.startAgent()
            #expect(agent.errors.contains("took over from programs of another version"))
            try place.expectTheService("a takeover")
            try expectOrder(weir, place)

            // Somebody detaches all of them; those that are attached anew come first again.
            let repaired = "was detached from \(place.cgroup.path)"
            for link in try FileManager.default.contentsOfDirectory(atPath: "/sys/fs/bpf/\(weir.pins)/links") {
                try Command.run(["bpftool", "link", "detach", "pinned", "/sys/fs/bpf/\(weir.pins)/links/\(link)"])
            }
            let all = Eventually.value {
                agent.errors.components(separatedBy: repaired).count > 12 ? true : nil
            }
            #expect(all == true, "\(agent.errors)")
            try place.expectTheService("attached anew")
            try expectOrder(weir, place)

            try weir.succeed(["unload"])
            withExtendedLifetime(balancer) {}
            #expect(agent.poll() == 0 || Eventually.value { agent.poll() } == 0)
            place.stop()
        }

        /// Programs of a cgroup below run before those above, whatever else is said; `weir check` tells of them, of those
        /// above Weir's own cgroup, and of none that runs elsewhere.
        @Test func whatRunsBeforeWeirIsSaid() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let (above, beside) = (try Cgroup(), try Cgroup())
            let (own, below) = ("\(above.path)/weir", "\(above.path)/weir/below")
            for path in [own, below] { try #require(mkdir(path, 0o755) == 0) }
            let weir = try Installation()
            try weir.configure([], agent: "cgroup: \(own)")
            let balancers = try [below, above.path, beside.path].map { try Balancer(at: $0) }
            let ahead = try weir.run(["check", "--category", "foreign"])
            #expect(ahead.output.contains("balance_connect") && ahead.output.contains("both will run"))

            try weir.load()
            let check = try weir.run(["check", "--category", "foreign"])
            observed("weir check", check.output)
            let lines = check.output.split(separator: "\n").map(String.init)
            for hook in ["connect4", "sendmsg6", "recvmsg4", "getpeer6"] {
                let (early, late) = (
                    " is attached at \(hook) of \(below), and", " is attached at \(hook) of \(above.path), and"
                )
                #expect(lines.contains { $0.contains(early) && $0.contains("runs before Weir's: where it") }, "\(hook)")
                #expect(lines.contains { $0.contains(late) && $0.hasSuffix("runs after Weir's") }, "\(hook)")
            }
            #expect(!check.output.contains(beside.path))
            #expect(check.output.contains("attach Weir there (agent.cgroup)"))
            #expect(check.status == 0)
            try weir.succeed(["unload"])
            withExtendedLifetime(balancers) {}
        }

        private func expectOrder(
            _ weir: Installation, _ place: Site, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let check = try weir.run(["check", "--category", "foreign"])
            let hooks = [
                "connect4", "connect6", "sendmsg4", "sendmsg6", "recvmsg4", "recvmsg6", "getpeer4", "getpeer6",
            ]
            for hook in hooks {
                #expect(
                    check.output.contains(" is attached at \(hook) of \(place.cgroup.path), and runs after Weir's"),
                    "\(check.output)", sourceLocation: sourceLocation)
            }
            // At sockops it is the other way round: it has to be before Weir's, and was not always.
            let isBefore = check.output.contains(
                "is attached at sockops of \(place.cgroup.path), and runs before Weir's")
            let warnings = check.output.count { $0 == "‼" }
            #expect(warnings == (isBefore ? 0 : 1), "\(check.output)", sourceLocation: sourceLocation)
            #expect(
                isBefore != check.output.contains("a handshake that fails stays counted"),
                sourceLocation: sourceLocation)
        }
    }
}

/// A pod whose processes are in a cgroup, so that what is attached there is nobody else's on this machine.
private final class Site {
    let pod: Pod
    let cgroup: Cgroup
    private let stubs: [Listener]

    init(number: Int) throws {
        pod = try Pod(number: number)
        cgroup = try Cgroup()
        var proxy = pod.proxy
        proxy.cgroup = cgroup.path
        stubs = [
            try Listener("proxy", ports: [15001, 15006, 15053], options: ["--udp"], in: proxy),
            try Listener.outside(of: pod),
        ]
    }

    func stop() { for stub in stubs { stub.process.stop() } }

    func expectTheService(_ when: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        for family in Family.allCases {
            try expectConnection(when, family, sourceLocation)
            for kind in ["unconnected", "sendmsg", "connected", "tcp"] {
                try expectAnswer(kind, when, family, sourceLocation)
            }
        }
    }

    private func expectConnection(_ when: String, _ family: Family, _ sourceLocation: SourceLocation) throws {
        let service = Endpoint(family.destination(Balancer.service), 80)
        var place = pod.application
        place.cgroup = cgroup.path
        let attempt = try Attempt.run("blocking", to: service, in: place)
        observed("\(when), over \(family)", attempt)
        #expect(attempt.facts?.name == "proxy", sourceLocation: sourceLocation)
        #expect(attempt.facts?.origin == service, sourceLocation: sourceLocation)
        #expect(attempt.peer == service, sourceLocation: sourceLocation)

        // What Weir leaves alone, the balancer does.
        place = pod.proxy
        place.cgroup = cgroup.path
        let passed = try Attempt.run("blocking", to: service, in: place)
        #expect(passed.facts?.name == "outside", sourceLocation: sourceLocation)
        #expect(
            passed.facts?.local?.address == family.destination(Balancer.backend), sourceLocation: sourceLocation)
        #expect(passed.peer == service, sourceLocation: sourceLocation)
    }

    private func expectAnswer(
        _ kind: String, _ when: String, _ family: Family, _ sourceLocation: SourceLocation
    ) throws {
        let service = Endpoint(family.destination(Balancer.service), 53)
        for isProxy in [false, true] {
            var place = isProxy ? pod.proxy : pod.application
            place.cgroup = cgroup.path
            let answer = try Resolution.run(kind, server: service.address, in: place)
            observed("\(when), \(kind) over \(family)", answer)
            #expect(
                answer.first.facts?.name == (isProxy ? "outside" : "proxy"), "\(kind)", sourceLocation: sourceLocation)
            #expect(answer.first.from == service, "\(kind)", sourceLocation: sourceLocation)
            if kind == "connected" { #expect(answer.peer == service, sourceLocation: sourceLocation) }
        }
    }
}
