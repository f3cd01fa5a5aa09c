import TestSupport
import Testing

extension EndToEnd {
    /// Whatever way a program connects or resolves, it reaches the proxy, and the proxy learns where it wanted to go.
    @Suite(Shared(StubFixture.self))
    struct NoBypass {
        @Test(arguments: ConnectCase.all)
        func connects(_ example: ConnectCase) throws {
            let fixture = try StubFixture.current()
            let destination = Endpoint(example.family.destination(7), 80)
            let attempt = try example.run(to: destination, fixture)
            observed("connect \(example)", attempt)

            #expect(attempt.outcome == "connected")
            #expect(attempt.facts?.name == "proxy")
            #expect(attempt.facts?.port == 15001)
            #expect(attempt.facts?.origin == destination)
            #expect(attempt.facts?.token == "token")
            #expect(attempt.peer == destination)
            #expect(attempt.local?.address == fixture.pod.address(example.family))
            #expect(attempt.facts?.peer == attempt.local)
        }

        @Test(arguments: ResolveCase.all)
        func resolves(_ example: ResolveCase) throws {
            let fixture = try StubFixture.current()
            let server = Endpoint(example.family.destination(53), 53)
            let second = Endpoint(example.family.destination(54), 53)
            let options = (example.mapped ? ["--mapped"] : []) + ["--second", second.address]
            let resolution = try Resolution.run(
                example.kind, server: server.address, options: options, in: fixture.pod.application)
            observed("dns \(example)", resolution)

            #expect(resolution.first.outcome == "answered")
            #expect(resolution.first.facts?.name == "proxy")
            #expect(resolution.first.facts?.port == 15053)
            #expect(resolution.first.facts?.peer?.address == fixture.pod.address(example.family))
            #expect(resolution.first.from == server)
            if example.connects { #expect(resolution.peer == server) }
            if example.kind == "tcp" { #expect(resolution.first.facts?.origin == server) }
            if example.kind == "multi" {
                #expect(resolution.second?.facts?.name == "proxy")
                #expect(resolution.second?.from == second)
            }
        }

        @Test(arguments: Family.allCases)
        func inboundReachesTheProxy(_ family: Family) throws {
            let fixture = try StubFixture.current()
            let destination = Endpoint(fixture.pod.address(family), 8080)
            let attempt = try Attempt.run("blocking", to: destination, in: fixture.pod.outside.place)
            observed("inbound \(family)", attempt)

            #expect(attempt.facts?.name == "proxy")
            #expect(attempt.facts?.port == 15006)
            #expect(attempt.facts?.origin == destination)
            #expect(attempt.facts?.peer == attempt.local)
            #expect(attempt.local?.address == fixture.pod.gateway(family))
            #expect(attempt.peer == destination)
        }

        /// A socket belongs to whoever made it, not to whoever connects it.
        @Test(arguments: Family.allCases)
        func aSocketBelongsToItsMaker(_ family: Family) throws {
            let fixture = try StubFixture.current()
            let destination = Endpoint(family.destination(8), 80)
            let proxyMade = ["--sock-uid", "1337", "--sock-gid", "1337", "--uid", "1000", "--gid", "1000"]
            let applicationMade = ["--sock-uid", "1000", "--sock-gid", "1000", "--uid", "1337", "--gid", "1337"]
            for kind in ["sock-uid", "passed"] {
                let ofProxy = try Attempt.run(
                    kind, to: destination, options: proxyMade, in: fixture.pod.namespace.place)
                let ofApplication = try Attempt.run(
                    kind, to: destination, options: applicationMade, in: fixture.pod.namespace.place)
                observed("made by the proxy, connected by the application, \(kind) \(family)", ofProxy)
                observed("made by the application, connected by the proxy, \(kind) \(family)", ofApplication)
                #expect(ofProxy.facts?.name == "outside")
                #expect(ofApplication.facts?.name == "proxy")
                #expect(ofApplication.facts?.origin == destination)
            }
        }
    }
}

struct ConnectCase: Sendable, CustomTestStringConvertible, CustomStringConvertible {
    let kind: String
    let family: Family
    /// Asked for a second time: Fast Open has its cookie then.
    var again = false

    var description: String { "\(kind)\(again ? " again" : "") over \(family)" }
    var testDescription: String { description }

    static let all =
        Family.allCases.flatMap { family in
            [
                "blocking", "nonblocking", "io_uring", "fastopen", "fastopen-connect", "mptcp", "reconnect",
                "disconnect",
                "bound", "bound-any-port", "bound-any-address", "passed",
            ].map { ConnectCase(kind: $0, family: family) }
                + ["fastopen", "fastopen-connect"].map { ConnectCase(kind: $0, family: family, again: true) }
        } + ["mapped", "bound-mapped"].map { ConnectCase(kind: $0, family: .ipv4) }

    func run(to destination: Endpoint, _ fixture: StubFixture) throws -> Attempt {
        var options: [String] = []
        var place = fixture.pod.application
        if kind.hasPrefix("bound") { options = ["--source", fixture.pod.address(family)] }
        if kind == "disconnect" { options = ["--first", Endpoint(family.destination(9), 80).description] }
        if kind == "passed" {
            // Made by root here, connected by another user in another cgroup.
            options = ["--uid", "1000", "--gid", "1000", "--cgroup", fixture.cgroup.path]
            place = fixture.pod.namespace.place
        }
        return try Attempt.run(kind, to: destination, options: options, in: place)
    }
}

struct ResolveCase: Sendable, CustomTestStringConvertible, CustomStringConvertible {
    let kind: String
    let family: Family
    let mapped: Bool

    var description: String { "\(kind) over \(mapped ? "IPv4-mapped IPv6" : family.description)" }
    var testDescription: String { description }
    /// Whether the socket has a peer, so that getpeername has an answer.
    var connects: Bool { kind.hasPrefix("connected") || kind == "reconnected" || kind == "tcp" }

    static let all = [
        "unconnected", "sendmsg", "sendmmsg", "io_uring", "connected", "connected-sendto", "reconnected", "tcp",
        "multi",
    ].flatMap { kind in
        Family.allCases.map { ResolveCase(kind: kind, family: $0, mapped: false) }
            + [ResolveCase(kind: kind, family: .ipv4, mapped: true)]
    }
}
