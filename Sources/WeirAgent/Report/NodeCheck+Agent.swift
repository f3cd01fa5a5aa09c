import Glibc
import WeirBPF
import WeirCore

extension NodeCheck {
    /// What the agent says of itself. Without one, only that there is none.
    static func agent(_ client: AdminClient) -> [Check] {
        let title = "the agent answers on \(client.path)"
        if geteuid() != 0 { return [cannotSee(title)] }
        let status: AgentStatus?
        do { status = try client.status() } catch { return [fail(title, "\(error)")] }
        guard let status else {
            return [warn(title, "none does", hint: "interception goes on without it; changes are not followed")]
        }
        var checks = [
            pass(title),
            check("the configuration on disk is in force", status.configurationProblem.map { [$0] } ?? []),
            check(
                "what the agent has put in force is so still",
                (status.notInForce ?? [])
                    + status.workloads.compactMap { one in one.problem.map { "\(one.name): \($0)" } }),
            check(
                "the workloads of the configuration are there",
                (status.absent ?? []).map { "\($0.name): \($0.reason)" }),
        ]
        if let problem = status.pluginProblem { checks.append(fail("the CNI plugin is installed", problem)) }
        if let kubernetes = status.kubernetes {
            checks.append(check("the API server is followed", kubernetes.problem.map { [$0] } ?? []))
            checks.append(
                check(
                    "the pods that are to be intercepted are", kubernetes.problems.map { "\($0.name): \($0.reason)" }))
        }
        return checks
    }

    private static func check(_ title: String, _ faults: [String]) -> Check {
        guard let first = faults.first else { return pass(title) }
        return faults.count == 1
            ? fail(title, first) : fail(title, "\(faults.count) things are wrong", details: Array(faults.prefix(most)))
    }

    /// Lines that are listed.
    private static let most = 20
}
