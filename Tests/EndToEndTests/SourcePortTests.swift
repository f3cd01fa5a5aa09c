import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// A source port serves as many destinations as a program likes, though all of them are at one proxy.
    @Suite struct SourcePorts {
        /// What `source_ports.py` saw of one connection.
        struct Connection: Decodable, CustomStringConvertible {
            let to: String
            let errno: String?
            let local, peer: String?
            let seen: Facts?

            var description: String { "\(to) \(errno ?? "from \(local ?? "?")")" }
        }

        /// Where the proxy listens.
        enum Listening: String, CaseIterable, Sendable { case everywhere, loopback, both }

        struct Example: Sendable, CustomStringConvertible {
            let mechanism: String
            let family: Family
            let listening: Listening
            /// Whether the proxy listened before Weir came.
            let isOlder: Bool

            var description: String {
                "\(mechanism), \(family), listening \(listening), \(isOlder ? "older" : "younger") than Weir"
            }
        }

        static let examples: [Example] = ["ebpf", "nftables"].flatMap { mechanism in
            Family.allCases.flatMap { family in
                Listening.allCases.flatMap { listening in
                    // Rules know nothing of listeners.
                    (mechanism == "ebpf" ? [true, false] : [true]).map {
                        Example(mechanism: mechanism, family: family, listening: listening, isOlder: $0)
                    }
                }
            }
        }

        /// Ten source ports, and eight connections to each of two destinations.
        @Test(arguments: examples)
        func eachDestinationHasAllOfThem(_ example: Example) throws {
            try withPod(example) { pod, weir in
                let (first, second) = (example.family.destination(101), example.family.destination(102))
                let made = try connect(
                    ["range", example.family.rawValue, first, second, "80"], in: pod.namespace.place)
                observed("\(example)", made)
                #expect(made.count == 16)
                for connection in made { expect(connection, 80, example, pod) }
                if example.mechanism == "ebpf" {
                    let flows = try Eventually.value {
                        let flows = try weir.flows().filter { $0.reason == "outbound" && $0.established }
                        return flows.count >= 16 ? flows : nil
                    }
                    #expect(Set(flows?.map(\.target) ?? []) == [Endpoint(example.family.loopback, 15001).description])
                }
            }
        }

        /// Active FTP: one source port that the program has chosen, with an address or without, to two destinations.
        @Test(arguments: examples, [false, true])
        func oneThatIsBound(_ example: Example, _ hasAddress: Bool) throws {
            try withPod(example) { pod, _ in
                let (first, second) = (example.family.destination(103), example.family.destination(104))
                let address = hasAddress ? [pod.address(example.family)] : []
                let made = try connect(
                    ["bound", example.family.rawValue, first, second, "80", "2020"] + address,
                    in: pod.namespace.place)
                observed("\(example)\(hasAddress ? ", with an address" : "")", made)
                #expect(made.count == 2)
                for connection in made {
                    expect(connection, 80, example, pod)
                    #expect(Endpoint(connection.local)?.port == 2020)
                }
            }
        }

        /// A host workload has no program that steers: IPv4 is spread over 127.0.0.0/8, of a proxy that listens there.
        @Test func aHostWorkload() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let host = try Pod(number: 95)
            let cgroup = try Cgroup()
            let weir = try Installation([
                "name: shop\nselector: {cgroup: \(cgroup.path)}\nproxy: {outbound: 15001, uid: 1337}"
            ])
            let proxy = try Listener.proxy(in: host)
            let agent = try weir.startAgent(in: host.namespace.place)
            var place = host.namespace.place
            place.cgroup = cgroup.path
            let example = Example(mechanism: "ebpf", family: .ipv4, listening: .everywhere, isOlder: true)
            let (first, second) = (Family.ipv4.destination(107), Family.ipv4.destination(108))
            for arguments in [
                ["range", "ipv4", first, second, "80"],
                ["bound", "ipv4", first, second, "80", "2020", host.address(.ipv4)],
            ] {
                let made = try connect(arguments, in: place)
                observed("a host workload, \(arguments[0])", made)
                #expect(made.count == (arguments[0] == "range" ? 16 : 2))
                for connection in made { expect(connection, 80, example, host) }
            }
            // Without an address the second has 127.0.0.1, which is better than none.
            let made = try connect(["bound", "ipv4", first, second, "80", "2021"], in: place)
            observed("a host workload, bound to a port alone", made)
            #expect(made.map(\.seen?.origin) == [Endpoint(first, 80), Endpoint(second, 80)])
            let flows = try Eventually.value {
                let flows = try weir.flows().filter { $0.reason == "outbound" && $0.established }
                return flows.count >= 20 ? flows : nil
            }
            #expect(flows?.filter { $0.target == "127.0.0.1:15001" }.count ?? 0 >= 19)
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"], in: host.namespace.place)
            proxy.process.stop()
        }

        /// A connection that finds no source port is counted as failed, and its socket may try again.
        @Test(arguments: Family.allCases)
        func theRefusedAreCounted(_ family: Family) throws {
            let example = Example(mechanism: "ebpf", family: family, listening: .everywhere, isOlder: true)
            try withPod(example) { pod, weir in
                let made = try connect(
                    ["full", family.rawValue, family.destination(105), "80"], in: pod.namespace.place)
                observed("\(family), more than there are source ports", made)
                // Six until the kernel gives an odd one, and then ten that are spread.
                let refused = made.dropFirst(16).prefix(2)
                #expect(refused.allSatisfy { $0.errno == "EADDRNOTAVAIL" })
                for connection in made.prefix(16) + made.suffix(1) { expect(connection, 80, example, pod) }
                // Linux 6.13 lets it be seen.
                let counter = try weir.counters(of: pod.namespace.name).filter { $0.reason == "outbound" }
                #expect(counter.reduce(0) { $0 + $1.failed } == 2)
                #expect(counter.reduce(0) { $0 + $1.connections } == 19)
            }
        }

        /// Both ends see what they would see behind a REDIRECT rule.
        private func expect(
            _ connection: Connection, _ port: Int, _ example: Example, _ pod: Pod,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            let destination = Endpoint(connection.to, port)
            #expect(connection.errno == nil, sourceLocation: sourceLocation)
            #expect(connection.seen?.name == "proxy", sourceLocation: sourceLocation)
            #expect(connection.seen?.origin == destination, sourceLocation: sourceLocation)
            #expect(Endpoint(connection.peer) == destination, sourceLocation: sourceLocation)
            #expect(
                Endpoint(connection.local)?.address == pod.address(example.family), sourceLocation: sourceLocation)
            #expect(
                connection.seen?.local == Endpoint(example.family.loopback, 15001), sourceLocation: sourceLocation)
            // A rule gives a connection whose ports are taken another one on the proxy's side.
            let seen = connection.seen?.peer
            #expect(seen?.address == pod.address(example.family), sourceLocation: sourceLocation)
            if example.mechanism == "ebpf" {
                #expect(seen == Endpoint(connection.local), sourceLocation: sourceLocation)
            }
        }

        private func connect(_ arguments: [String], in place: Place) throws -> [Connection] {
            let output = try Command.run(
                ["python3", try Workspace.fixture("source_ports.py")] + arguments, in: place)
            return try JSONDecoder().decode([Connection].self, from: Data(output.utf8))
        }

        private func withPod(_ example: Example, _ body: (Pod, Installation) throws -> Void) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 95)
            let weir = try Installation([.istio(pod)], mechanism: example.mechanism)
            let older = example.isOlder ? try listen(example, in: pod) : nil
            let agent = try weir.startAgent()
            let proxy = try older ?? listen(example, in: pod)
            try body(pod, weir)
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            proxy.process.stop()
        }

        private func listen(_ example: Example, in pod: Pod) throws -> Listener {
            let options =
                switch example.listening {
                case .everywhere: [String]()
                case .loopback: ["--address", example.family.loopback]
                case .both: ["--dual"]
                }
            return try Listener("proxy", ports: [15001], options: options, in: pod.proxy)
        }
    }
}
