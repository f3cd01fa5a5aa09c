import TestSupport
import Testing

extension EndToEnd {
    /// Pods with both families whose proxy listens for IPv4 alone, beside the mesh's own rules.
    @Suite struct DualStack {
        struct Mesh: Sendable, CustomTestStringConvertible {
            let name: String
            let proxy: String
            let environment: [String: String]
            let ports: [Int]
            /// For iptables-restore.
            let rules: String
            var testDescription: String { name }
        }

        static let meshes = [
            Mesh(
                name: "istio", proxy: "istio-proxy", environment: [:], ports: [15001, 15006],
                rules: IPTables.rules(.ipv4)),
            Mesh(
                name: "linkerd", proxy: "linkerd-proxy",
                environment: [
                    "LINKERD2_PROXY_INBOUND_LISTEN_ADDR": "0.0.0.0:4143",
                    "LINKERD2_PROXY_OUTBOUND_LISTEN_ADDRS": "127.0.0.1:4140",
                ], ports: [4140, 4143],
                rules: """
                    *nat
                    :PROXY_INIT_OUTPUT - [0:0]
                    :PROXY_INIT_REDIRECT - [0:0]
                    -A PREROUTING -j PROXY_INIT_REDIRECT
                    -A OUTPUT -j PROXY_INIT_OUTPUT
                    -A PROXY_INIT_OUTPUT -m owner --uid-owner 1337 -j RETURN
                    -A PROXY_INIT_OUTPUT -o lo -j RETURN
                    -A PROXY_INIT_OUTPUT -p tcp -j REDIRECT --to-ports 4140
                    -A PROXY_INIT_REDIRECT -p tcp -m multiport --dports 4190,4191 -j RETURN
                    -A PROXY_INIT_REDIRECT -p tcp -j REDIRECT --to-ports 4143
                    COMMIT

                    """),
        ]

        @Test(arguments: meshes, ["iptables", "ebpf", "nftables"])
        func ipv6GoesDirect(_ mesh: Mesh, _ mechanism: String) throws {
            try withPod(mesh, mechanism) { pod, weir in
                for family in Family.allCases {
                    let by = family == .ipv4 ? "proxy" : nil
                    let out = try Attempt.run("blocking", to: Endpoint(family.destination(60), 80), in: pod.application)
                    observed("\(mesh.name) with \(mechanism), outbound over \(family)", out)
                    #expect(out.facts?.name == by ?? "outside")
                    let into = try Attempt.run(
                        "blocking", to: Endpoint(pod.address(family), 8080), in: pod.outside.place)
                    observed("\(mesh.name) with \(mechanism), inbound over \(family)", into)
                    #expect(into.facts?.name == by ?? "application")
                }
                guard let weir else { return }
                let name = "shop/cart-0"
                #expect(try weir.connections(of: name, "family") == 2)
                let text = try weir.succeed(["explain", name, "[2001:db8::1]:80"])
                observed("explain", text)
                #expect(text.contains("direct (family)"))
            }
        }

        /// Both families where the mesh says so: nobody listens for the second, and nothing passes the proxy by.
        @Test(arguments: ["ebpf", "nftables"])
        func dualStackIsCaptured(_ mechanism: String) throws {
            let mesh = Mesh(
                name: "istio, dual stack", proxy: "istio-proxy", environment: ["ISTIO_DUAL_STACK": "true"],
                ports: [15001, 15006], rules: "")
            try withPod(mesh, mechanism) { pod, _ in
                for family in Family.allCases {
                    let out = try Attempt.run("blocking", to: Endpoint(family.destination(60), 80), in: pod.application)
                    observed("\(mesh.name) with \(mechanism), outbound over \(family)", out)
                    #expect(family == .ipv4 ? out.facts?.name == "proxy" : out.outcome == "refused")
                }
            }
        }

        /// The same for a workload of the configuration, which says it itself.
        @Test(arguments: ["ebpf", "nftables"])
        func configured(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 86)
            let weir = try Installation([.istio(pod, "ipv6: false")], mechanism: mechanism)
            try weir.load()
            try withStubs(Self.meshes[0], pod) {
                for family in Family.allCases {
                    let by = family == .ipv4 ? "proxy" : nil
                    let out = try Attempt.run("blocking", to: Endpoint(family.destination(60), 80), in: pod.application)
                    observed("ipv6: false with \(mechanism), outbound over \(family)", out)
                    #expect(out.facts?.name == by ?? "outside")
                    let into = try Attempt.run(
                        "blocking", to: Endpoint(pod.address(family), 8080), in: pod.outside.place)
                    #expect(into.facts?.name == by ?? "application")
                }
            }
            try weir.succeed(["unload"])
        }

        private func withPod(_ mesh: Mesh, _ mechanism: String, _ body: (Pod, Installation?) throws -> Void) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 86)
            guard mechanism != "iptables" else {
                try Command.run(["iptables-restore"], in: pod.namespace.place, stdin: mesh.rules)
                return try withStubs(mesh, pod) { try body(pod, nil) }
            }
            let server = try FakeAPIServer()
            let simulated = try SimulatedPod(
                number: 0, proxy: mesh.proxy, environment: mesh.environment, in: pod.namespace)
            try server.put(simulated.object)
            let weir = try Installation()
            try weir.configure([], mechanism: mechanism, kubernetes: server)
            let agent = try weir.startAgent()
            try agent.waitForLine("pods are known", in: .errors)
            let added = try weir.cni("add", [simulated])
            #expect(added.intercepted == 1, "\(added.problems)")
            try withStubs(mesh, pod) { try body(pod, weir) }
            try weir.succeed(["unload"])
        }

        /// Nothing runs in a sandbox before the plugin has told of it.
        private func withStubs(_ mesh: Mesh, _ pod: Pod, _ body: () throws -> Void) throws {
            let stubs = [
                try Listener("proxy", ports: mesh.ports, options: ["--address", "0.0.0.0"], in: pod.proxy),
                try Listener.application(in: pod), try Listener.outside(of: pod),
            ]
            defer { for stub in stubs { stub.process.stop() } }
            try body()
        }
    }
}
