import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Records and counters say what happened, to the byte.
    @Suite struct Flows {
        @Test func bytesAreExact() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 40)
            let weir = try Installation([.istio(pod, "outbound: {excludePorts: [9000-9999]}\nfollowPassed: true")])
            let script = try Workspace.fixture("transfer.py")
            let servers = [
                try ChildProcess(["/usr/bin/python3", script, "serve", "15001", "15006"], in: pod.proxy),
                try ChildProcess(
                    ["/usr/bin/python3", script, "serve"]
                        + Transfer.all.filter { $0.kind == .passed }.map { "\($0.port)" },
                    in: pod.outside.place),
            ]
            for server in servers { try server.waitForLine("ready") }
            let agent = try weir.startAgent()
            let start = ContinuousClock.now
            for transfer in Transfer.all { try transfer.run(script, pod) }
            let longest = ContinuousClock.now - start

            let flows = try Eventually.value { () -> [Installation.Flow]? in
                let flows = try weir.flows()
                return flows.count >= Transfer.all.count ? flows : nil
            }
            let records = try #require(flows, "records are missing")
            #expect(records.count == Transfer.all.count)
            for transfer in Transfer.all { expect(records, transfer, pod, longest) }
            try expectCounters(records, weir, pod)
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            for server in servers { server.stop() }
        }

        private func expect(_ records: [Installation.Flow], _ transfer: Transfer, _ pod: Pod, _ longest: Duration) {
            let own = records.filter { Endpoint($0.destination) == transfer.destination(pod) }
            #expect(own.count == 1, "\(transfer)")
            for record in own {
                #expect([record.sentBytes, record.receivedBytes] == transfer.bytes, "\(transfer)")
                #expect(record.direction == (transfer.kind == .inbound ? "inbound" : "outbound"))
                #expect(record.reason == transfer.kind.reason)
                #expect(record.established)
                #expect(record.duration.map { $0 >= 0 && .seconds($0) <= longest } == true)
                let source = transfer.kind == .inbound ? pod.gateway(transfer.family) : pod.address(transfer.family)
                #expect(Endpoint(record.source)?.address == source)
            }
        }

        /// The counters are the sums of the records.
        private func expectCounters(_ records: [Installation.Flow], _ weir: Installation, _ pod: Pod) throws {
            let counters = try weir.counters(of: pod.namespace.name).filter { $0.transport == "tcp" }
            for counter in counters {
                let own = records.filter { $0.direction == counter.direction && $0.reason == counter.reason }
                observed("counter \(counter.direction) \(counter.reason)", counter.connections)
                #expect(counter.connections == own.count)
                #expect(counter.failed == own.filter { !$0.established }.count)
                #expect(counter.sentBytes == own.compactMap(\.sentBytes).reduce(0, +))
                #expect(counter.receivedBytes == own.compactMap(\.receivedBytes).reduce(0, +))
            }
            #expect(counters.map(\.connections).reduce(0, +) == records.count)
        }

        /// Refused: marked as failed, without bytes.
        @Test(arguments: Family.allCases)
        func failedConnectionsAreMarked(_ family: Family) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 41)
            let weir = try Installation([.istio(pod, "outbound: {excludePorts: [9]}\nfollowPassed: true")])
            let agent = try weir.startAgent()
            // To the proxy, which does not listen; and to a port outside, where nobody does.
            for destination in [Endpoint(family.destination(100), 80), Endpoint(pod.gateway(family), 9)] {
                let attempt = try Attempt.run("blocking", to: destination, in: pod.application)
                #expect(attempt.outcome == "refused")
            }
            let records = try #require(
                try Eventually.value { () -> [Installation.Flow]? in
                    let flows = try weir.flows()
                    return flows.count >= 2 ? flows : nil
                })
            #expect(records.map(\.established) == [false, false])
            #expect(Set(records.map(\.reason)) == ["proxy_down_refused", "excluded_port"])
            #expect(records.allSatisfy { $0.sentBytes == 0 && $0.receivedBytes == 0 })
            let counters = try weir.counters(of: pod.namespace.name)
            #expect(counters.map(\.failed) == [1, 1])
            #expect(counters.map(\.connections) == [1, 1])
            let table = try weir.succeed(["flows"])
            #expect(table.components(separatedBy: "end=failed").count == 3)
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
        }

        /// What is let pass is told when it is, and not looked at again.
        @Test(arguments: Family.allCases)
        func passedConnectionsAreTold(_ family: Family) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 42)
            let weir = try Installation([.istio(pod, "outbound: {excludePorts: [8080]}")])
            let stub = try Listener.outside(of: pod)
            let agent = try weir.startAgent()
            let destination = Endpoint(pod.gateway(family), 8080)
            #expect(try Attempt.run("blocking", to: destination, in: pod.application).facts?.name == "outside")
            let records = try #require(
                try Eventually.value { () -> [Installation.Flow]? in
                    let flows = try weir.flows()
                    return flows.isEmpty ? nil : flows
                })
            #expect(records.count == 1)
            let record = try #require(records.first)
            #expect([record.end, record.verdict, record.reason] == ["passed", "direct", "excluded_port"])
            #expect(Endpoint(record.destination) == destination)
            #expect(Endpoint(record.source) == Endpoint(pod.address(family), 0))
            #expect(record.sentBytes == nil && record.receivedBytes == nil && record.duration == nil)
            #expect(try weir.connections(of: pod.namespace.name, "excluded_port") == 1)
            #expect(try weir.succeed(["flows"]).contains("bytes_sent=- bytes_recv=- duration=- end=passed"))
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            stub.process.stop()
        }
    }
}

/// One transfer of known size.
struct Transfer: Sendable, CustomStringConvertible {
    enum Kind: CaseIterable {
        case redirected, passed, inbound

        var reason: String {
            switch self {
            case .redirected: "outbound"
            case .passed: "excluded_port"
            case .inbound: "inbound"
            }
        }
    }

    let kind: Kind
    let family: Family
    /// By the client.
    let sent, received: Int
    /// Who closes first, and how.
    let end: String
    /// Its own, so that its record is known.
    let port: Int

    var description: String { "\(kind) over \(family), \(sent) there, \(received) back, \(end)" }

    static let all: [Transfer] = {
        var all: [Transfer] = []
        for kind in Kind.allCases {
            for family in Family.allCases {
                for end in ["client-first", "server-first", "half-close", "reset"] {
                    for (sent, received) in [(100, 0), (100, 1), (1_000_000, 1), (100, 3_000_000)] {
                        all.append(
                            Transfer(
                                kind: kind, family: family, sent: sent, received: received, end: end,
                                port: 9000 + all.count))
                    }
                }
            }
        }
        return all
    }()

    /// Sent and received, as the record has it: from the workload's end outbound, from the proxy's inbound.
    var bytes: [Int] { kind == .inbound ? [received, sent] : [sent, received] }

    func destination(_ pod: Pod) -> Endpoint {
        switch kind {
        case .redirected: Endpoint(family.destination(99), port - 8000)
        case .passed: Endpoint(pod.gateway(family), port)
        case .inbound: Endpoint(pod.address(family), port)
        }
    }

    func run(_ script: String, _ pod: Pod) throws {
        let to = destination(pod)
        let client = kind == .inbound ? pod.outside.place : pod.application
        try Command.run(
            ["/usr/bin/python3", script, "ask", to.address, "\(to.port)", "\(sent)", "\(received)", end], in: client)
    }
}
