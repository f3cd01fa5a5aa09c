import Foundation
import TestSupport
import Testing
import WeirBPF
import WeirCore

extension Acceleration {
    /// 200 connections at a time with messages of 1 B to 1 MiB, pauses on both sides and readers that stall.
    @Suite struct Order {
        struct Case: CustomTestStringConvertible {
            enum Path: String { case inside, between }

            /// Within one pod by the loopback interface, or from one pod's proxy to another's.
            let path: Path
            let family: Family
            let budget: Int
            let aborts: Bool
            /// Both ends stop at a short read.
            var stopsShort = false

            var testDescription: String {
                "\(path.rawValue), \(family), budget \(budget)\(aborts ? ", closed and reset at random" : "")"
                    + (stopsShort ? ", one queue" : "")
            }

            static let all = [
                Case(path: .inside, family: .ipv4, budget: 1 << 10, aborts: true),
                // From the pod's IPv6 address to ::1 no RST arrives that the kernel sends for a socket that has gone (it
                // looks for a way by the address's interface, not by lo), with and without Weir: none are closed early.
                Case(path: .inside, family: .ipv6, budget: 256 << 10, aborts: false),
                Case(path: .between, family: .ipv4, budget: 1 << 20, aborts: false),
                Case(path: .between, family: .ipv6, budget: 16 << 10, aborts: true),
                Case(path: .between, family: .ipv4, budget: 256 << 10, aborts: true),
                Case(path: .inside, family: .ipv4, budget: 16 << 10, aborts: true, stopsShort: true),
                Case(path: .between, family: .ipv6, budget: 256 << 10, aborts: false, stopsShort: true),
            ]
        }

        /// Of each case.
        private static var seconds: Int {
            let all = ProcessInfo.processInfo.environment["WEIR_TRAFFIC_SECONDS"].flatMap { Int($0) } ?? 20
            return max(all / Case.all.count, 2)
        }

        @Test(arguments: Case.all)
        func everyByteArrivesInOrder(_ example: Case) async throws {
            let proxy = "proxy: {outbound: 15001, inbound: 15006, uid: \(Pod.proxyID), reads: untilShort}"
            let node = try await ShortCutNode(
                .full, budget: example.budget, proxy: example.stopsShort ? proxy : "mesh: istio",
                application: example.stopsShort ? .untilShort : .untilEmpty)
            let traffic = try run(example, node, seconds: Self.seconds)
            let messages = try node.messages()
            observed(example.testDescription, "caller \(traffic.calling); called \(traffic.called); \(messages)")
            #expect(traffic.calling.isFlawless)
            #expect(traffic.called.isFlawless)
            #expect(traffic.calling.completed > 0)
            if example.aborts { #expect(traffic.calling.aborted > 0) }
            // Both paths were in use, and what ended is forgotten.
            #expect(messages[.redirect, default: 0] > 1000)
            #expect(messages[.overBudget, default: 0] > 0)
            #expect(messages[.unread, default: 0] + messages[.inFlight, default: 0] > 0)
            #expect(Eventually.value { (try? node.remembered()) == 0 ? true : nil } == true)
        }

        /// The record of a connection has its bytes of both paths, and says which way its messages went.
        @Test func recordsSayWhichWayMessagesWent() async throws {
            let node = try await ShortCutNode(.full, budget: 16 << 10)
            let example = Case(path: .inside, family: .ipv4, budget: 16 << 10, aborts: false)
            let traffic = try run(example, node, seconds: 2)
            let wanted = traffic.calling.connections
            var ended: [FlowRecord] = []
            let flows = try #require(
                try Eventually.value { () -> [FlowRecord]? in
                    ended += try node.flows().filter { $0.direction == .outbound && $0.end == .closed }
                    return ended.count >= wanted ? ended : nil
                })
            let messages = try node.messages()
            #expect(flows.count == wanted)
            // Each caller says first what is to come, which its counts leave out.
            let sent = traffic.calling.sent + wanted * Traffic.planBytes
            #expect(flows.reduce(0) { $0 + ($1.sentBytes ?? 0) } == sent)
            #expect(flows.reduce(0) { $0 + ($1.receivedBytes ?? 0) } == traffic.calling.received)
            for path in [MessagePath.redirect, .overBudget, .unread, .inFlight] {
                #expect(flows.reduce(0) { $0 + ($1.messages?[path.word] ?? 0) } == messages[path, default: 0])
            }
            let redirected = flows.reduce(0) {
                $0 + ($1.redirectedSentBytes ?? 0) + ($1.redirectedReceivedBytes ?? 0)
            }
            #expect(redirected == (try node.bytes(.redirect)))
        }

        /// The short cut is turned off and on again five times a second, under traffic.
        @Test func noByteIsTouchedWhenTheScopeChanges() async throws {
            let node = try await ShortCutNode(.full)
            let traffic = try await runWhileSwitching(node)
            observed("switched on and off", "\(traffic); \(try node.messages())")
            #expect(traffic.calling.isFlawless)
            #expect(traffic.called.isFlawless)
            #expect(try node.messages()[.scope, default: 0] > 0)
            #expect(try node.messages()[.redirect, default: 0] > 0)
        }

        /// The same without the guards: if this passed, the tests above would be too weak.
        @Test func withoutTheGuardsBytesAreOvertaken() async throws {
            let node = try await ShortCutNode(.full, unguarded: true)
            let traffic = try await runWhileSwitching(node)
            observed("unguarded", "\(traffic); \(try node.messages())")
            #expect(traffic.calling.differences + traffic.called.differences > 0)
        }

        private func runWhileSwitching(_ node: ShortCutNode) async throws -> Traffic {
            let example = Case(path: .between, family: .ipv4, budget: 256 << 10, aborts: false)
            let neighbours = node.neighbours
            let running = Task.detached {
                try Traffic.run(
                    to: "\(Neighbours.address(1, example.family)):15006", listeningOn: 15006,
                    from: neighbours.proxy(0), at: neighbours.proxy(1), seconds: 4)
            }
            for step in 0..<20 {
                try await Task.sleep(for: .milliseconds(200))
                try await node.accelerate(step.isMultiple(of: 2) ? .off : .full)
            }
            return try await running.value
        }

        private func run(_ example: Case, _ node: ShortCutNode, seconds: Int) throws -> Traffic {
            let neighbours = node.neighbours
            switch example.path {
            case .inside:
                let anywhere = example.family == .ipv4 ? "10.200.0.1:80" : "[fd00:200::1]:80"
                return try .run(
                    to: anywhere, listeningOn: 15001, from: neighbours.application(0), at: neighbours.proxy(0),
                    seconds: seconds, aborts: example.aborts)
            case .between:
                let address = Neighbours.address(1, example.family)
                return try .run(
                    to: example.family == .ipv4 ? "\(address):15006" : "[\(address)]:15006", listeningOn: 15006,
                    from: neighbours.proxy(0), at: neighbours.proxy(1), seconds: seconds, aborts: example.aborts)
            }
        }
    }
}
