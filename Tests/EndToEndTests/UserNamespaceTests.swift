import TestSupport
import Testing

extension EndToEnd {
    /// Pods with a user namespace of their own: what counts is the id that the initial user namespace sees, as in
    /// netfilter's owner match, whatever the processes call themselves.
    @Suite struct UserNamespaces {
        private static let destination = Endpoint(Family.ipv4.destination(71), 80)

        @Test(arguments: ["ebpf", "nftables"])
        func idsAreTheInitialNamespaces(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 71)
            let stubs = [try Listener.proxy(in: pod), try Listener.outside(of: pod)]
            let weir = try Installation([.istio(pod)], mechanism: mechanism)
            try weir.load()
            // 1337 inside is somebody else outside; 4 inside is the proxy's 1337 outside.
            #expect(try reached(pod, mapping: "0 100000 65536", id: 1337) == "proxy")
            #expect(try reached(pod, mapping: "0 1333 65536", id: 4) == "outside")
            #expect(try reached(pod, mapping: "0 0 65536", id: 1337) == "outside")
            try weir.succeed(["unload"])
            for stub in stubs { stub.process.stop() }
        }

        /// Who is reached by a process of a user namespace with this mapping of uids and gids.
        private func reached(_ pod: Pod, mapping: String, id: UInt32) throws -> String? {
            var place = pod.namespace.place(uid: id)
            place.userMap = mapping
            let attempt = try Attempt.run("blocking", to: Self.destination, in: place)
            observed("uid \(id) of a user namespace that maps \(mapping)", attempt)
            return attempt.facts?.name
        }
    }
}
