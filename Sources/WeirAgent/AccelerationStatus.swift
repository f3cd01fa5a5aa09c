import Logging
public import WeirBPF
import WeirCore

/// What the self-test said when the agent started: the most that `acceleration: auto` may do on this kernel.
public struct AccelerationStatus: Codable, Sendable {
    /// Nil when the test itself failed, which allows nothing.
    public var test: SelfTest?
    /// Why the kernel has no short cut, or the test failed.
    public var problem: String?

    /// What `acceleration: auto` may do.
    var scope: AccelerationScope {
        let scopes: [SelfTest.Permission.Use: AccelerationScope] = [
            .proxiesReceive: .proxy, .shortReadersReceive: .proxyQueue, .applicationsSend: .senders,
            .applicationsReceive: .applications,
        ]
        let allowed = (test?.permissions ?? []).filter { $0.refusal == nil }
        return AccelerationScope(allowed.compactMap { scopes[$0.use] })
    }

    /// Why the short cut does less for a workload than it asks for, and what to do; nil: it does what is asked.
    /// - Parameter scope: what it does.
    func limit(of workload: Workload, _ wanted: Acceleration, _ scope: AccelerationScope) -> String? {
        func refusal(_ use: SelfTest.Permission.Use) -> String {
            test?.permissions.first { $0.use == use }?.refusal ?? problem ?? ""
        }
        if wanted == .full && !scope.contains(.applications) {
            return workload.applicationReads == .untilShort
                ? "acceleration: full leaves its applications out: \(refusal(.shortReadersReceive))"
                : "acceleration: full leaves its applications out until applicationReads says how they read: "
                    + (problem ?? "weir check --category acceleration shows what they may not use")
        }
        guard !scope.contains(.proxy) else { return nil }
        switch workload.proxyReads {
        case .unknown: return "acceleration leaves its proxy out until proxy.reads says how it reads"
        case .untilEmpty: return "acceleration leaves its proxy out: \(refusal(.proxiesReceive))"
        case .untilShort: return "acceleration leaves its proxy out: \(refusal(.shortReadersReceive))"
        }
    }

    /// Runs the test and logs its result.
    static func test(_ logger: Logger) -> AccelerationStatus {
        do {
            try ShortCut.probe()
            let test = try SelfTest.run()
            for one in test.permissions {
                logger.info(
                    "acceleration self-test",
                    metadata: ["use": "\(one.use.title)", "allowed": "\(one.refusal ?? "yes")"])
            }
            return AccelerationStatus(test: test)
        } catch {
            logger.warning(
                "acceleration cannot be tested, and auto leaves every connection to TCP",
                metadata: ["error": "\(error)"])
            return AccelerationStatus(problem: "\(error)")
        }
    }

    /// For `weir status`, a line each.
    var lines: [String] {
        guard let test else { return ["the short cut could not be tested: \(problem ?? "no reason was given")"] }
        let why = "not on this kernel (weir check --category acceleration says why)"
        return test.permissions.map { "\($0.use.title): \($0.reasons.isEmpty ? "allowed" : why)" }
    }
}
