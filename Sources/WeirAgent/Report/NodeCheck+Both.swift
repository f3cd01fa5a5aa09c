import WeirBPF
import WeirCore
import WeirNFT

extension NodeCheck {
    /// Whether somebody else intercepts the configured workloads, too, and what those rules decide differently.
    static func bothInForce(_ configuration: Configuration) -> [Check] {
        configuration.workloads.compactMap { workload in
            guard case .netns(let path) = workload.selector, NetworkNamespace.inode(of: path) != nil else { return nil }
            let title = "workload \(workload.name) has no rules of others"
            do {
                return try compare(title, workload)
            } catch {
                return fail(title, "\(error)")
            }
        }
    }

    private static func compare(_ title: String, _ workload: Workload) throws -> Check {
        let resolved = try ResolvedWorkload(workload)
        let namespace = try NetworkNamespace(path: resolved.namespacePath)
        let own = try namespace.addresses()
        let foreign = try namespace.entered { try ForeignRules() }
        let tables = foreign.tables.map { "the nftables table \($0) is in force, too; its rules are not compared" }
        var details = foreign.unreadable + tables
        var isDifferent = false
        for (program, rules) in foreign.intercepting {
            let comparison = IPTablesComparison(resolved.policy, rules, own: own, name: name(of: program))
            isDifferent = isDifferent || !comparison.differences.isEmpty
            details.append(
                "\(program): \(comparison.count) attempts compared, "
                    + (comparison.differences.isEmpty ? "none decided differently" : "these decided differently:"))
            details += comparison.differences.prefix(limit).map { "  \($0)" }
            let more = comparison.differences.count - limit
            if more > 0 { details.append("  and \(more) kinds more") }
            if !comparison.cuts.isEmpty {
                details.append("  only \(comparison.cuts.joined(separator: ", ")) were tried; others may differ")
            }
            details += comparison.unknown.map { "  a rule is not understood: \($0)" }
        }
        let whose = Set(foreign.intercepting.compactMap(\.rules.mesh)).sorted().joined(separator: ", ")
        let names = Set(foreign.intercepting.map { name(of: $0.program) }).sorted().joined(separator: " and ")
        let rules = "\(names) rules\(whose.isEmpty ? "" : " of \(whose)")"
        if foreign.intercepting.isEmpty {
            return details.isEmpty ? pass(title) : warn(title, "others have rules in its namespace", details: details)
        }
        let error = "\(rules) stand in its namespace: both are in force"
        let hint = "remove them, or the workload from Weir's configuration"
        return isDifferent
            ? fail(title, error, hint: hint, details: details) : warn(title, error, hint: hint, details: details)
    }

    private static func name(of program: String) -> String { program.hasPrefix("nft") ? "nftables" : "iptables" }

    /// Kinds of differences that are listed.
    private static let limit = 20
}
