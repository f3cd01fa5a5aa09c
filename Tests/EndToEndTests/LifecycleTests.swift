import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Agents come, are killed and come again; installations come and go.
    @Suite struct Lifecycle {
        /// The agent is killed while thousands of connections come and go.
        @Test func aKilledAgentChangesNothing() throws {
            let lock = MachineLock(.exclusive)
            defer { withExtendedLifetime(lock) {} }
            let before = try MachineState.now()
            try killUnderLoad()
            let left = try MachineState.leftovers(since: before)
            observed("left after everything", left)
            #expect(left.isEmpty)
        }

        private func killUnderLoad() throws {
            let busy = try Pod(number: 20)
            let quiet = try Pod(number: 21)
            let weir = try Installation([.istio(busy), .istio(quiet, "dns: all")])
            let server = try StormServer(in: busy.proxy)
            let stubs = [try Listener.proxy(in: quiet), try Listener.outside(of: quiet)]
            let first = try weir.startAgent()
            let ids = try weir.workloads()

            let storm = try Storm.start(.storm, connections: 40_000, open: 4_000, in: busy.application)
            let count = { try weir.connections(of: busy.namespace.name, "outbound") }
            try #require(try Eventually.value { try count() > 5_000 ? true : nil } == true)
            #expect(first.stop(SIGKILL).status == 128 + SIGKILL)
            let atDeath = try count()
            observed("connections when the agent died, of 40000", atDeath)
            #expect(atDeath < 39_000)
            try expectIntercepted(quiet, "the agent is dead")

            let result = try Storm.finish(storm)
            observed("storm with the agent killed", result)
            #expect(result.ok == 40_000)
            #expect(result.wrongOrigin + result.lostOrigin + result.dropped + result.errors == 0)
            #expect(try count() == 40_000)

            let second = try weir.startAgent()
            #expect(try weir.workloads() == ids)
            let outbound = try weir.connections(of: quiet.namespace.name, "outbound")
            try expectIntercepted(quiet, "a new agent took over")
            #expect(try weir.connections(of: quiet.namespace.name, "outbound") == outbound + 2)
            #expect(try count() == 40_000)
            #expect(try server.finish().match == 40_000)
            #expect(second.poll() == nil)

            let unloaded = try weir.unload()
            observed("weir unload", unloaded.output)
            #expect(unloaded.status == 0)
            #expect(try second.wait().status == 0)
            try expectDirect(quiet)
            for stub in stubs { stub.process.stop() }
        }

        /// `weir unload` in every state a node can be in.
        @Test(arguments: UnloadCase.allCases)
        func unload(_ example: UnloadCase) throws {
            let lock = MachineLock(.exclusive)
            defer { withExtendedLifetime(lock) {} }
            let before = try MachineState.now()
            let weir = try Installation()
            try unload(weir, example)
            #expect(weir.isGone)
            #expect(access(weir.socket, F_OK) != 0, "the socket is left")
            let left = try MachineState.leftovers(since: before)
            #expect(left.isEmpty)
        }

        private func unload(_ weir: Installation, _ example: UnloadCase) throws {
            let pod = try Pod(number: 22)
            let stubs = [try Listener.proxy(in: pod), try Listener.outside(of: pod)]
            try weir.configure([.istio(pod)], agent: "unloadOnStop: \(example == .unloadingAgent)")
            var agent: ChildProcess?
            if example.hasAgent { agent = try weir.startAgent() }
            if example == .loaded { try weir.load() }
            if example != .nothing { try expectIntercepted(pod, "\(example)", dns: false) }
            if example == .killedAgent { agent?.stop(SIGKILL) }
            if example == .stoppedAgent { agent?.stop() }

            let first = try weir.unload()
            observed("unload, \(example)", first.output.split(separator: "\n").joined(separator: "; "))
            #expect(first.status == 0)
            #expect(first.output.contains(example.outcome))
            #expect(first.output.contains("stopped the agent") == example.isRunning)
            // Not only its socket is gone: what starts next finds its port free.
            if let agent { #expect(agent.poll() != nil) }
            try expectDirect(pod)
            let second = try weir.unload()
            #expect(second.status == 0)
            #expect(second.output == "nothing was loaded\n")
            for stub in stubs { stub.process.stop() }
        }

        /// Where the agent cannot listen, it says so before it changes anything.
        @Test(arguments: ["occupied", "not of this host", "no folder"])
        func nowhereToListen(_ what: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let weir = try Installation()
            let other = try Installation()
            let agent = try other.startAgent()
            let listen = what == "not of this host" ? "192.0.2.1:15050" : "127.0.0.1:\(other.listen)"
            let socket = what == "no folder" ? "/proc/none/weir.sock" : weir.socket
            try weir.write("agent: {pins: \(weir.pins), socket: \(socket), listen: \"\(listen)\"}\n")
            let result = try weir.run(["agent"])
            let sentence =
                switch what {
                case "occupied": "weir: cannot listen on \(listen): address already in use; give agent.listen"
                case "no folder": "weir: cannot make the folder of \(socket): no such file or directory; make it"
                default: "weir: cannot listen on \(listen): cannot assign requested address; give agent.listen"
                }
            #expect(result.status == 2)
            #expect(result.errors.hasPrefix(sentence), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
            #expect(weir.isGone)
            try other.succeed(["unload"])
            _ = try agent.wait()
        }

        /// Without an agent, and then with one that takes over.
        @Test func loadWithoutAnAgent() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 23)
            let weir = try Installation([.istio(pod, "dns: all")])
            let stubs = [try Listener.proxy(in: pod), try Listener.outside(of: pod)]
            let text = try weir.succeed(["load"])
            #expect(text == "loaded; 1 workloads are intercepted (weir status shows them)\n")
            try expectIntercepted(pod, "loaded, no agent")
            let ids = try weir.workloads()
            let status = try weir.run(["status"])
            #expect(status.status == 0)
            #expect(status.output.contains("agent      not running"))

            #expect(try weir.run(["load"]).status == 0, "twice is no error")
            let agent = try weir.startAgent()
            #expect(try weir.workloads() == ids)
            try expectIntercepted(pod, "an agent took over what was loaded")
            #expect(try weir.run(["status"]).output.contains("agent      running: pid \(agent.pid)"))
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// Pins that somebody removed: the next agent attaches what is missing.
        @Test func removedPins() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 31)
            let weir = try Installation([.istio(pod)])
            let stubs = [try Listener.proxy(in: pod), try Listener.outside(of: pod)]
            try weir.load()
            for name in ["weir_connect4", "weir_connect6", "weir_sockops"] {
                #expect(unlink("/sys/fs/bpf/\(weir.pins)/links/\(name)") == 0)
            }
            // The kernel detaches a link some time after its last reference has gone.
            for family in Family.allCases {
                let isDirect = try Eventually.value {
                    let attempt = try Attempt.run(
                        "blocking", to: Endpoint(family.destination(41), 80), in: pod.application)
                    return attempt.facts?.name == "outside" ? true : nil
                }
                #expect(isDirect == true)
            }
            let agent = try weir.startAgent()
            try expectIntercepted(pod, "attached again", dns: false)
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// A pod that goes and comes again under its old name, as StatefulSets' do.
        @Test func aNamespaceMadeAnew() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let name = Namespace.newName()
            var pod: Pod? = try Pod(number: 24, name: name)
            let outside = try #require(pod?.outside)
            let weir = try Installation([.istio(try #require(pod))])
            let agent = try weir.startAgent()
            let first = try weir.workloads()

            pod = nil
            let status = try Eventually.value { () -> String? in
                let result = try weir.run(["status"])
                let isSaid = result.output.contains("\(name): cannot open /run/netns/\(name)")
                return result.status == 1 && isSaid ? result.output : nil
            }
            observed("status without the namespace", status ?? "nothing wrong")
            #expect(status != nil)
            // Whoever holds the namespace keeps its devices alive: the other end of the veth tells.
            let isFreed = try Eventually.value {
                try Command.output(["ip", "-n", outside.name, "link", "show", "po0"]).status != 0 ? true : nil
            }
            #expect(isFreed == true, "the deleted namespace is held by somebody")

            let again = try Pod(number: 24, name: name)
            let stubs = [try Listener.proxy(in: again), try Listener.outside(of: again)]
            let ids = try Eventually.value { () -> [String: Int]? in
                let ids = try weir.workloads()
                return ids.count == 1 && ids != first ? ids : nil
            }
            #expect(ids != nil)
            #expect(try Eventually.value { try weir.run(["status"]).status == 0 ? true : nil } == true)
            try expectIntercepted(again, "made anew", dns: false)
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// Outbound, inbound and DNS of a pod with stubs for a proxy and the outside.
        private func expectIntercepted(
            _ pod: Pod, _ when: String, dns: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            for family in Family.allCases {
                let destination = Endpoint(family.destination(40), 80)
                let outbound = try Attempt.run("blocking", to: destination, in: pod.application)
                observed("\(when): outbound over \(family)", outbound)
                #expect(outbound.facts?.name == "proxy", sourceLocation: sourceLocation)
                #expect(outbound.facts?.origin == destination, sourceLocation: sourceLocation)
                #expect(outbound.peer == destination, sourceLocation: sourceLocation)
                #expect(outbound.local?.address == pod.address(family), sourceLocation: sourceLocation)

                let own = Endpoint(pod.address(family), 8080)
                let inbound = try Attempt.run("blocking", to: own, in: pod.outside.place)
                observed("\(when): inbound over \(family)", inbound)
                #expect(inbound.facts?.name == "proxy", sourceLocation: sourceLocation)
                #expect(inbound.facts?.origin == own, sourceLocation: sourceLocation)

                guard dns else { continue }
                let server = family.destination(53)
                let resolution = try Resolution.run("unconnected", server: server, in: pod.application)
                #expect(resolution.first.facts?.name == "proxy", sourceLocation: sourceLocation)
                #expect(resolution.first.from == Endpoint(server, 53), sourceLocation: sourceLocation)
            }
        }

        private func expectDirect(_ pod: Pod, sourceLocation: SourceLocation = #_sourceLocation) throws {
            for family in Family.allCases {
                let attempt = try Attempt.run(
                    "blocking", to: Endpoint(family.destination(41), 80), in: pod.application)
                #expect(attempt.facts?.name == "outside", sourceLocation: sourceLocation)
            }
        }
    }
}

enum UnloadCase: String, CaseIterable, Sendable, CustomTestStringConvertible, CustomStringConvertible {
    case runningAgent = "an agent runs"
    case unloadingAgent = "an agent runs that unloads as it stops"
    case stoppedAgent = "the agent was stopped"
    case killedAgent = "the agent was killed"
    case loaded = "loaded without an agent"
    case nothing = "nothing was loaded"

    var description: String { rawValue }
    var testDescription: String { rawValue }
    var isRunning: Bool { [.runningAgent, .unloadingAgent].contains(self) }
    var hasAgent: Bool { isRunning || [.stoppedAgent, .killedAgent].contains(self) }
    /// In what `weir unload` says.
    var outcome: String {
        switch self {
        case .unloadingAgent: "\nit had unloaded everything\n"
        case .nothing: "nothing was loaded\n"
        default: "unloaded: "
        }
    }
}

extension String {
    /// A pod as a workload of the configuration, with Istio's ports.
    static func istio(_ pod: Pod, _ more: String = "") -> String {
        """
        name: \(pod.namespace.name)
        selector: {netns: \(pod.namespace.path)}
        mesh: istio
        \(more)
        """
    }
}
