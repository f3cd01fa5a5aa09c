import TestSupport
import Testing

extension EndToEnd {
    /// What is not to be intercepted, is not.
    @Suite(Shared(StubFixture.self))
    struct Untouched {
        @Test(arguments: Family.allCases)
        func theProxysOwnConnections(_ family: Family) throws {
            let fixture = try StubFixture.current()
            let destination = Endpoint(family.destination(20), 80)
            for place in [fixture.pod.proxy, fixture.pod.namespace.place(uid: 1000, gid: Pod.proxyID)] {
                let attempt = try Attempt.run("blocking", to: destination, in: place)
                observed("uid \(place.uid!) gid \(place.gid!) over \(family)", attempt)
                expectDirect(attempt, destination, "outside")
                #expect(attempt.local?.address == fixture.pod.address(family))
            }
        }

        @Test(arguments: Family.allCases)
        func theProxysOwnResolver(_ family: Family) throws {
            let fixture = try StubFixture.current()
            for kind in ["unconnected", "connected", "tcp"] {
                let resolution = try Resolution.run(kind, server: family.destination(53), in: fixture.pod.proxy)
                observed("the proxy's DNS, \(kind) over \(family)", resolution)
                #expect(resolution.first.facts?.name == "outside")
                #expect(resolution.first.from == Endpoint(family.destination(53), 53))
            }
        }

        @Test(arguments: Family.allCases)
        func loopbackAndTheOwnAddress(_ family: Family) throws {
            let fixture = try StubFixture.current()
            for address in [family.loopback, fixture.pod.address(family)] {
                let destination = Endpoint(address, 8080)
                let attempt = try Attempt.run("blocking", to: destination, in: fixture.pod.application)
                observed("application to \(destination)", attempt)
                expectDirect(attempt, destination, "application")
            }
        }

        /// The proxy's calls to its own pod are inbound, but for those it passes on.
        @Test(arguments: Family.allCases)
        func theProxyToItsOwnPod(_ family: Family) throws {
            let fixture = try StubFixture.current()
            let destination = Endpoint(fixture.pod.address(family), 8080)
            let call = try Attempt.run("blocking", to: destination, in: fixture.pod.proxy)
            let passedOn = try Attempt.run(
                "bound", to: destination, options: ["--source", family.passthroughSource], in: fixture.pod.proxy)
            observed("the proxy to \(destination)", call)
            observed("the proxy from \(family.passthroughSource) to \(destination)", passedOn)
            #expect(call.facts?.port == 15006)
            #expect(call.facts?.origin == destination)
            expectDirect(passedOn, destination, "application")
            guard family == .ipv6 else { return }
            // What is for ::6 leaves from there, too, unless the socket says otherwise (RFC 6724, 5, rule 1).
            let there = Endpoint(family.passthroughSource, 8080)
            let unbound = try Attempt.run("blocking", to: there, in: fixture.pod.proxy)
            observed("the proxy to \(there)", unbound)
            expectDirect(unbound, there, "application")
        }

        @Test(arguments: Family.allCases)
        func anExcludedInboundPort(_ family: Family) throws {
            let fixture = try StubFixture.current()
            let destination = Endpoint(fixture.pod.address(family), 15021)
            let attempt = try Attempt.run("blocking", to: destination, in: fixture.pod.outside.place)
            observed("outside to \(destination)", attempt)
            expectDirect(attempt, destination, "application")
        }

        @Test(arguments: Family.allCases)
        func datagramsThatAreNotDNS(_ family: Family) throws {
            let fixture = try StubFixture.current()
            for kind in ["unconnected", "connected"] {
                let resolution = try Resolution.run(
                    kind, server: family.destination(21), options: ["9000"], in: fixture.pod.application)
                observed("UDP 9000, \(kind) over \(family)", resolution)
                #expect(resolution.first.facts?.name == "outside")
                #expect(resolution.first.facts?.port == 9000)
            }
        }

        /// Other processes on the node: in another pod, and in the node's own namespace.
        @Test(arguments: Family.allCases)
        func bystanders(_ family: Family) throws {
            let fixture = try StubFixture.current()
            let destination = Endpoint(family.destination(22), 80)
            let other = try Attempt.run("blocking", to: destination, in: fixture.bystander.application)
            observed("another pod over \(family)", other)
            expectDirect(other, destination, "outside")

            let server = Endpoint(fixture.bystander.address(family), 8080)
            let inbound = try Attempt.run("blocking", to: server, in: fixture.bystander.outside.place)
            observed("into another pod over \(family)", inbound)
            expectDirect(inbound, server, "application")

            let node = try Listener("node", ports: [28080], options: ["--address", family.loopback], in: .here)
            let local = Endpoint(family.loopback, 28080)
            for uid in [Pod.applicationID, Pod.proxyID] {
                let attempt = try Attempt.run("blocking", to: local, in: Place(uid: uid, gid: uid))
                observed("on the node, uid \(uid) over \(family)", attempt)
                expectDirect(attempt, local, "node")
            }
            node.process.stop()
        }

        private func expectDirect(
            _ attempt: Attempt, _ destination: Endpoint, _ name: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(attempt.outcome == "connected", sourceLocation: sourceLocation)
            #expect(attempt.facts?.name == name, sourceLocation: sourceLocation)
            #expect(attempt.facts?.local == destination, sourceLocation: sourceLocation)
            #expect(attempt.facts?.peer == attempt.local, sourceLocation: sourceLocation)
            #expect(attempt.peer == destination, sourceLocation: sourceLocation)
        }
    }
}
