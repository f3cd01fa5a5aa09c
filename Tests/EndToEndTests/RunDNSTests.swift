import Foundation
import TestSupport
import Testing

extension EndToEnd.Run {
    /// `--dns` with a loopback address of either family stands for both.
    @Test(arguments: ["127.0.0.1:5353", "[::1]:5353"])
    func aResolverOnThisHost(_ resolver: String) throws {
        let lock = MachineLock(.shared)
        defer { withExtendedLifetime(lock) {} }
        let host = try Pod(number: 95)
        let options = Family.allCases.flatMap { ["--address", $0.loopback] } + ["--udp"]
        let stubs = [
            try Listener("resolver", ports: [5353], options: options, in: host.proxy), try Listener.outside(of: host),
        ]
        for family in Family.allCases { try expectAnswered("resolver", by: resolver, family, host) }
        for stub in stubs { stub.process.stop() }
    }

    /// With any other address it captures the queries of that family; those of the other go where they are sent.
    @Test(arguments: Family.allCases)
    func aResolverElsewhere(_ family: Family) throws {
        let lock = MachineLock(.shared)
        defer { withExtendedLifetime(lock) {} }
        let host = try Pod(number: 96)
        let resolver = Endpoint(host.gateway(family), 5353)
        let stubs = [
            try Listener(
                "resolver", ports: [5353], options: ["--address", resolver.address, "--udp"], in: host.outside.place),
            try Listener.outside(of: host),
        ]
        for asked in Family.allCases {
            try expectAnswered(asked == family ? "resolver" : "outside", by: "\(resolver)", asked, host)
        }
        for stub in stubs { stub.process.stop() }
    }

    private func expectAnswered(
        _ name: String, by resolver: String, _ family: Family, _ host: Pod,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for kind in ["unconnected", "connected", "tcp"] {
            let server = Endpoint(family.destination(53), 53)
            let query = [try Programs.exercise.get(), "dns", kind, server.address, "--timeout", "2000"]
            let result = try Weir.run(["run", "--quiet", "--dns", resolver, "--"] + query, in: host.namespace.place)
            let resolution = try JSONDecoder().decode(Resolution.self, from: Data(result.output.utf8))
            observed("weir run --dns \(resolver), \(kind) over \(family)", resolution)
            #expect(resolution.first.facts?.name == name, "\(kind), \(family)", sourceLocation: sourceLocation)
            #expect(resolution.first.from == server, "\(kind), \(family)", sourceLocation: sourceLocation)
        }
    }
}
