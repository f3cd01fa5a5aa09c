import TestSupport
import Testing

/// A pod with stubs all around: whoever is reached says so.
final class StubFixture: SharedFixture {
    @TaskLocal private static var shared: StubFixture?

    let pod: Pod
    /// Not intercepted.
    let bystander: Pod
    let cgroup: Cgroup
    private let listeners: [Listener]
    private let interceptor: any Interceptor

    init() throws {
        pod = try Pod(number: 3)
        bystander = try Pod(number: 4)
        cgroup = try Cgroup()
        interceptor = try Interception.start([pod])
        listeners = [
            try .proxy(in: pod), try .outside(of: pod), try .application(in: pod, ports: [8080, 15021]),
            try .outside(of: bystander), try .application(in: bystander),
        ]
    }

    static func current() throws -> StubFixture { try #require(shared) }

    func run(_ body: @Sendable () async throws -> Void) async throws {
        try await Self.$shared.withValue(self, operation: body)
    }

    func tearDown() throws { try interceptor.stop() }
}
