import TestSupport
import Testing

extension EndToEnd {
    /// What the meshes' own init containers try before a pod's other containers start: a test that listens in the
    /// sidecar's place has to get its own connection. A pod whose test fails does not come up.
    @Suite struct Validators {
        /// istio-validation (istio/istio tools/istio-iptables/pkg/validation/validator.go): as the proxy's user it
        /// listens on 15001 and 15006 of the loopback address alone, calls 127.0.0.6 (::6) from 127.0.0.1 (::1), and
        /// passes when SO_ORIGINAL_DST says the port that it called, which is 15002.
        @Test(arguments: ["ebpf", "nftables"], Family.allCases)
        func istio(_ mechanism: String, _ family: Family) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 65)
            let weir = try Installation([.istio(pod)], mechanism: mechanism)
            try weir.load()
            let (from, to) = family == .ipv4 ? ("127.0.0.1", "127.0.0.6") : ("::1", "::6")
            let listener = try Listener(
                "validator", ports: [15001, 15006], options: ["--address", from], in: pod.proxy)
            let attempt = try Attempt.run(
                "bound", to: Endpoint(to, 15002), options: ["--source", from], in: pod.proxy)
            observed("istio-validation with \(mechanism) over \(family)", attempt)
            #expect(attempt.facts?.name == "validator")
            #expect(attempt.facts?.port == 15006)
            #expect(attempt.facts?.origin == Endpoint(to, 15002))
            listener.process.stop()
            try weir.succeed(["unload"])
        }

        /// linkerd-network-validator (linkerd/linkerd2-proxy-init validator): as nobody it listens on 4140, calls an
        /// address that leads nowhere, and passes when its own listener's token comes back.
        @Test(arguments: ["ebpf", "nftables"], ["192.0.2.2", "2001:db8::2"])
        func linkerd(_ mechanism: String, _ address: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 66)
            let name = pod.namespace.name
            let weir = try Installation(
                ["{name: \(name), selector: {netns: \(pod.namespace.path)}, mesh: linkerd}"], mechanism: mechanism)
            try weir.load()
            let nobody = pod.namespace.place(uid: 65534)
            let listener = try Listener("validator", ports: [4140], in: nobody)
            let attempt = try Attempt.run(
                "blocking", to: Endpoint(address, 1404), options: ["--token", "validated"], in: nobody)
            observed("linkerd-network-validator with \(mechanism) to \(address)", attempt)
            #expect(attempt.facts?.name == "validator")
            #expect(attempt.facts?.token == "validated")
            #expect(attempt.facts?.origin == Endpoint(address, 1404))
            listener.process.stop()
            try weir.succeed(["unload"])
        }
    }
}
