import Testing
import WeirCore

extension Acceleration {
    /// Where the short cut does less than a workload asks for, its status says so, and what to say for more.
    @Suite struct Limits {
        struct Case: CustomTestStringConvertible {
            let scope: WeirCore.Acceleration
            var proxy = "mesh: istio"
            var application = ReadHabit.unknown
            /// Nil: it does all that is asked.
            let sentence: String?

            var testDescription: String { "\(scope), \(proxy), \(application)" }

            static let unknown = "proxy: {outbound: 15001, inbound: 15006, uid: 1337}"
            static let noProxy = "acceleration leaves its proxy out until proxy.reads says how it reads"
            static let noApplication =
                "acceleration: full leaves its applications out until applicationReads says how they read: "

            static let all = [
                Case(scope: .off, proxy: unknown, sentence: nil),
                Case(scope: .auto, sentence: nil),
                Case(scope: .auto, proxy: unknown, sentence: noProxy),
                Case(scope: .proxies, sentence: nil),
                Case(scope: .proxies, proxy: unknown, sentence: noProxy),
                Case(scope: .full, sentence: noApplication),
                Case(scope: .full, application: .untilShort, sentence: nil),
                Case(scope: .full, proxy: unknown, application: .untilEmpty, sentence: noProxy),
            ]
        }

        @Test(arguments: Case.all)
        func isSaid(_ example: Case) async throws {
            let node = try await ShortCutNode(
                example.scope, proxy: example.proxy, application: example.application)
            let limits = await node.limits()
            observed(example.testDescription, "\(limits)")
            for limit in limits {
                #expect((limit == nil) == (example.sentence == nil))
                #expect(limit?.hasPrefix(example.sentence ?? "") != false)
            }
            #expect(limits.count == 2)
        }
    }
}
