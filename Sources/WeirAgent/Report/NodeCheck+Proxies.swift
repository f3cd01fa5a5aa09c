import Glibc
import WeirBPF
import WeirCore

extension NodeCheck {
    /// Whether the proxy of each workload that is intercepted listens, as the kernel says.
    static func proxies(_ pins: PinDirectory, _ client: AdminClient) -> [Check] {
        if geteuid() != 0 { return [cannotSee("the proxies listen")] }
        do {
            // An agent that cannot be asked has a line of its own.
            let status = (try? client.status()) ?? nil
            return try WorkloadReport.read(try Installed(pins), status).compactMap(check)
        } catch {
            return [fail("the proxies can be looked at", "\(error)")]
        }
    }

    /// Nil for one to whose proxy nothing is sent, or that is not there.
    private static func check(_ one: WorkloadReport) -> Check? {
        let title = "the proxy of workload \(one.name) listens"
        guard one.identity != WorkloadReport.absent else { return nil }
        guard let health = one.proxyHealth else {
            return unseen(title, "its network namespace cannot be found", hint: "start weir agent, which holds it")
        }
        if health.ports.contains(where: { $0.isUsed && $0.state == .unknown }) {
            return unseen(
                title, "the kernel does not say who listens",
                hint: "it needs CONFIG_INET_DIAG, or the modules tcp_diag and udp_diag")
        }
        let faults = health.faults
        let rules = one.hasInboundRules == true ? [NodeStatus.inboundRules] : []
        guard let first = faults.first else {
            return rules.isEmpty ? pass(title) : warn(title, rules[0])
        }
        let details = Array(faults.dropFirst()) + rules
        let hint = "start it, or have it listen there"
        return health.isProblem
            ? fail(title, first, hint: hint, details: details) : warn(title, first, hint: hint, details: details)
    }

    static func unseen(_ title: String, _ error: String, hint: String) -> Check {
        Check(description: title, result: .unknown, error: error, hint: hint, details: nil)
    }
}
