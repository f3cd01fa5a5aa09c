import TestSupport
import Testing

extension EndToEnd {
    /// Real programs through real proxies, in both directions and families: right bytes, right origin at the proxy,
    /// right addresses at every end.
    @Suite(Shared(SidecarFixture.self))
    struct Sidecars {
        @Test(arguments: SidecarCase.supported)
        func outbound(_ example: SidecarCase) throws { try checkOutbound(example) }

        @Test(arguments: SidecarCase.supported)
        func inbound(_ example: SidecarCase) throws { try checkInbound(example) }

        private func checkOutbound(_ example: SidecarCase) throws {
            let fixture = try SidecarFixture.current()
            let (pod, proxy) = fixture.pick(example.proxy)
            let destination = Endpoint(example.family.destination(example.number), 8080)

            let seen = try example.program.talk(to: destination, in: pod.application)
            let local = try #require(seen.local)
            let entry = try proxy.waitForEntry(from: local)
            observed("outbound \(example)", entry, seen)

            #expect(seen.intact)
            #expect(seen.peer == destination)
            #expect(local.address == pod.address(example.family))
            #expect(entry.direction == "outbound")
            #expect(entry.origin == destination)
            #expect(entry.upstream == destination)
            #expect(seen.facts?.name == "outside")
            #expect(seen.facts?.local == destination)
            #expect(seen.facts?.peer?.address == pod.address(example.family))
        }

        private func checkInbound(_ example: SidecarCase) throws {
            let fixture = try SidecarFixture.current()
            let (pod, proxy) = fixture.pick(example.proxy)
            let destination = Endpoint(pod.address(example.family), 8080)

            let seen = try example.program.talk(to: destination, in: pod.outside.place(uid: Pod.applicationID))
            let local = try #require(seen.local)
            let entry = try proxy.waitForEntry(from: local)
            observed("inbound \(example)", entry, seen)

            #expect(seen.intact)
            #expect(seen.peer == destination)
            #expect(local.address == pod.gateway(example.family))
            #expect(entry.direction == "inbound")
            #expect(entry.origin == destination)
            #expect(entry.upstream == destination)
            #expect(seen.facts?.name == "application")
            #expect(seen.facts?.local == destination)
            #expect(seen.facts?.peer?.address == example.family.passthroughSource)
        }
    }
}

private func observed(_ what: String, _ entry: AccessLogEntry, _ seen: ApplicationProgram.Observation) {
    let facts = seen.facts.map { "\($0.name) sees client \($0.peer?.description ?? "-")" } ?? "nothing answered"
    observed(
        what,
        "proxy sees \(entry.client?.description ?? "-") to \(entry.origin?.description ?? "-"), "
            + "getpeername \(seen.peer?.description ?? "-"), \(facts), intact \(seen.intact)")
}

struct SidecarCase: Sendable, CustomTestStringConvertible, CustomStringConvertible {
    enum Proxy: String, CaseIterable, Sendable { case envoy, haproxy }

    let proxy: Proxy
    let program: ApplicationProgram
    let family: Family
    /// Gives every case a destination of its own.
    let number: Int

    var description: String { "\(program) over \(family) through \(proxy)" }
    var testDescription: String { description }

    /// HAProxy asks for the original destination of IPv4 connections only, and takes its own address over IPv6:
    /// iptables has no answer to that, Weir has `originFrom: getsockname`.
    static let supported =
        Interception.selected == .weir ? all : all.filter { $0.proxy == .envoy || $0.family == .ipv4 }

    static let all = Proxy.allCases.flatMap { proxy in
        ApplicationProgram.allCases.flatMap { program in Family.allCases.map { (proxy, program, $0) } }
    }.enumerated().map { SidecarCase(proxy: $1.0, program: $1.1, family: $1.2, number: $0 + 1) }
}

/// Two pods: one with Envoy, one with HAProxy.
final class SidecarFixture: SharedFixture {
    @TaskLocal private static var shared: SidecarFixture?

    private let pods: [Pod]
    private let listeners: [Listener]
    private let envoy: Envoy
    private let haproxy: HAProxy
    private let interceptor: any Interceptor

    init() throws {
        pods = [try Pod(number: 1), try Pod(number: 2)]
        interceptor = try Interception.start(pods, namedPods: [pods[1].namespace.name])
        listeners = try pods.flatMap { [try Listener.outside(of: $0), try Listener.application(in: $0)] }
        envoy = try Envoy(in: pods[0])
        haproxy = try HAProxy(in: pods[1])
    }

    static func current() throws -> SidecarFixture { try #require(shared) }

    func run(_ body: @Sendable () async throws -> Void) async throws {
        try await Self.$shared.withValue(self, operation: body)
    }

    func tearDown() throws { try interceptor.stop() }

    func pick(_ proxy: SidecarCase.Proxy) -> (Pod, any Sidecar) {
        proxy == .envoy ? (pods[0], envoy) : (pods[1], haproxy)
    }
}
