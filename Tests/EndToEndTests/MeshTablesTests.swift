import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Istio's own tables of nftables in a namespace: compared, and moved over.
    @Suite struct MeshTables {
        /// What a mesh writes its rules with.
        enum Rules: String, CaseIterable, Sendable {
            case nftables, nftablesTPROXY, iptablesNFT, iptablesLegacy

            /// What the agent finds.
            var found: String {
                switch self {
                case .nftables, .nftablesTPROXY: "nftables rules redirect its traffic (table inet istio-proxy-"
                case .iptablesNFT, .iptablesLegacy: "iptables rules redirect its traffic (chain ISTIO_INBOUND)"
                }
            }

            private var variant: String { self == .iptablesNFT ? "nft" : "legacy" }

            func write(in place: Place) throws {
                switch self {
                case .nftables: try Command.run(["nft", "-f", "-"], in: place, stdin: IstioTables.redirect())
                case .nftablesTPROXY: try Command.run(["nft", "-f", "-"], in: place, stdin: IstioTables.tproxy())
                case .iptablesNFT, .iptablesLegacy:
                    for (prefix, family) in [("ip", Family.ipv4), ("ip6", .ipv6)] {
                        let program = "\(prefix)tables-\(variant)-restore"
                        try Command.run([program], in: place, stdin: IPTables.rules(family))
                    }
                }
            }

            /// Without counts.
            func listing(in place: Place) throws -> String {
                switch self {
                case .nftables, .nftablesTPROXY:
                    try ["nat", "mangle", "raw"].map { name in
                        let list = ["nft", "-s", "list", "table", "inet", "istio-proxy-\(name)"]
                        return try Command.output(list, in: place).output
                    }.joined()
                case .iptablesNFT, .iptablesLegacy:
                    try ["ip", "ip6"].map { prefix in
                        try Command.run(["\(prefix)tables-\(variant)-save", "-t", "nat"], in: place)
                            .split(separator: "\n").filter { $0.hasPrefix("-A") }.joined(separator: "\n")
                    }.joined()
                }
            }
        }

        @Test func compared() throws {
            let pod = try Pod(number: 87)
            try Command.run(["nft", "-f", "-"], in: pod.namespace.place, stdin: IstioTables.redirect())
            let weir = try Installation([.istio(pod, "dns: all")])
            let same = try weir.run(["check", "--category", "workloads"])
            observed("the same in both", same.output)
            #expect(same.status == 0)
            #expect(same.output.contains("nftables rules of istio stand in its namespace: both are in force"))
            for program in ["nft, IPv4: ", "nft, IPv6: "] { #expect(same.output.contains(program)) }
            for part in ["these decided differently", "is not understood", "are not compared"] {
                #expect(!same.output.contains(part), "\(part)")
            }

            try weir.configure([.istio(pod, "dns: all\noutbound: {excludePorts: [9000]}")])
            let other = try weir.run(["check", "--category", "workloads"])
            observed("another in each", other.output)
            #expect(other.status == 1)
            #expect(
                other.output.contains(
                    "9000: Weir direct (excluded_port, outbound.excludePorts), nftables to port 15001 by istio-redirect"
                ))
        }

        /// A connection that the rules redirected goes on while the pod goes over and back.
        @Test(arguments: Rules.allCases, ["ebpf", "nftables"])
        func movedOverAndBack(_ rules: Rules, _ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 88)
            try rules.write(in: pod.namespace.place)
            let stubs = [try Listener.proxy(in: pod), try Listener.outside(of: pod)]
            defer { for stub in stubs { stub.process.stop() } }
            let server = try FakeAPIServer()
            let annotation = #""sidecar.istio.io/interceptionMode": "TPROXY""#
            let simulated = try SimulatedPod(
                number: 0, annotations: rules == .nftablesTPROXY ? annotation : "",
                environment: ["ISTIO_DUAL_STACK": "true", "ISTIO_META_DNS_CAPTURE": "true"], in: pod.namespace)
            try server.put(simulated.object)
            let weir = try Installation()
            try weir.configure([], mechanism: mechanism, kubernetes: server)
            let agent = try weir.startAgent()
            try agent.waitForLine("pods are known", in: .errors)
            let before = try rules.listing(in: pod.namespace.place)

            let added = try weir.cni("add", [simulated])
            #expect(added.intercepted == 0)
            let reason = "the mesh's \(rules.found)"
            let others = try weir.succeed(["workloads", "--others"])
            observed("others", others)
            #expect(others.contains(reason))
            #expect(others.contains("weir adopt --replace-iptables shop/cart-0 moves it over"))
            try expectExplained(weir, reason)
            try expectRedirected(pod, "by the rules")

            let lasting = try LastingConnection(to: Endpoint(Family.ipv4.destination(61), 80), in: pod.application)
            #expect(try lasting.isServed(by: "proxy"))
            try weir.succeed(["adopt", "--replace-iptables", "shop/cart-0"])
            #expect(try !rules.listing(in: pod.namespace.place).lowercased().contains("istio-output"))
            #expect(try weir.workloads().keys.sorted() == ["shop/cart-0"])
            try expectRedirected(pod, "by Weir")
            #expect(try weir.connections(of: "shop/cart-0", "outbound") == 2)
            #expect(try lasting.isServed(by: "proxy"))

            try weir.succeed(["adopt", "--replace-iptables", "shop/cart-0", "--undo"])
            #expect(try rules.listing(in: pod.namespace.place) == before)
            #expect(try weir.workloads().isEmpty)
            try expectRedirected(pod, "by the rules again")
            #expect(try lasting.isServed(by: "proxy"))

            // Who unloads gives back what was taken over.
            try weir.succeed(["adopt", "--replace-iptables", "shop/cart-0"])
            agent.stop(SIGKILL)
            try weir.succeed(["unload"])
            #expect(try rules.listing(in: pod.namespace.place) == before)
            try expectRedirected(pod, "by the rules after unload")
            #expect(try lasting.isServed(by: "proxy"))
            #expect(weir.isGone)
        }

        private func expectExplained(_ weir: Installation, _ reason: String) throws {
            for command in [["explain", "shop/cart-0", "198.51.100.1:80"], ["stats", "shop/cart-0"]] {
                let answer = try weir.run(command)
                observed(command.joined(separator: " "), answer.errors)
                #expect(answer.status == 2)
                #expect(answer.errors.contains("weir: the pod shop/cart-0 is not intercepted: \(reason)"))
            }
            #expect(try weir.run(["explain", "shop/none", "198.51.100.1:80"]).errors.contains("there is no workload"))
        }

        private func expectRedirected(_ pod: Pod, _ by: String) throws {
            for family in Family.allCases {
                let out = try Attempt.run("blocking", to: Endpoint(family.destination(60), 80), in: pod.application)
                observed("outbound over \(family), \(by)", out)
                #expect(out.facts?.name == "proxy" && out.facts?.port == 15001, "\(by)")
                #expect(out.facts?.origin == Endpoint(family.destination(60), 80), "\(by)")
            }
        }
    }
}

/// One connection that says a line when it is asked to, and hears who answers.
private final class LastingConnection {
    private let process: ChildProcess
    private var count = 0

    init(to destination: Endpoint, in place: Place) throws {
        let script = """
            import signal, socket, sys
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
            peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
            print("connected", flush=True)
            for number in range(1, 100):
                signal.sigwait([signal.SIGUSR1])
                try:
                    peer.sendall(f"line {number}\\n".encode())
                    answer = peer.recv(65536).decode().strip()
                except OSError as error:
                    answer = str(error)
                print(f"{number}: {answer}", flush=True)
            """
        process = try ChildProcess(["python3", "-c", script, destination.address, "\(destination.port)"], in: place)
        try process.waitForLine("connected")
    }

    func isServed(by name: String) throws -> Bool {
        count += 1
        process.signal(SIGUSR1)
        let line = try process.waitForLine("\(count): ")
        observed("the lasting connection", line)
        return Facts(String(line.drop { $0 != "{" }))?.name == name
    }
}
