import Foundation
import Testing

/// What an operator would see: real programs, real proxies, real namespaces, and one interceptor at a time.
///
/// `WEIR_INTERCEPTOR=iptables` runs the same tests against Istio's own rules, which shows that the fixtures are right
/// and what the tests compare Weir with.
@Suite(.serialized, .enabled(if: geteuid() == 0, "namespaces are root's to make"))
enum EndToEnd {}

/// What several cases of one suite share, made once before the first and gone after the last.
protocol SharedFixture: AnyObject, Sendable {
    init() throws
    func run(_ body: @Sendable () async throws -> Void) async throws
    func tearDown() throws
}

struct Shared<Fixture: SharedFixture>: SuiteTrait, TestScoping {
    let isRecursive = false

    init(_ type: Fixture.Type) {}

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let fixture = try Fixture()
        try await fixture.run(function)
        try fixture.tearDown()
    }
}

/// Says what a case observed, passed or not.
func observed(_ what: String, _ outcome: some CustomStringConvertible) {
    print("observed: \(what): \(outcome)")
}
