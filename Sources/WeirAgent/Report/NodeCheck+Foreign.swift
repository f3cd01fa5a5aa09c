import WeirBPF

extension NodeCheck {
    /// A node has a handful; a cgroup with more of them is a fault of somebody else's.
    private static let mostForeign = 64

    /// - Parameter cgroup: what Weir is attached to; nil for the root.
    static func foreign(_ cgroup: String?, _ pins: PinDirectory) -> [Check] {
        let title = "no program of others at Weir's hooks"
        do {
            let found = try ForeignProgram.around(cgroup ?? Host.cgroupRoot(), pins)
            if found.isEmpty { return [pass(title)] }
            let checks = found.prefix(mostForeign).map { check($0, title) }
            if found.count == checks.count { return checks }
            return checks + [warn(title, "there are \(found.count - checks.count) more")]
        } catch {
            return [fail(title, "\(error)")]
        }
    }

    private static func check(_ one: ForeignProgram, _ title: String) -> Check {
        let what = "\(one.name) (id \(one.id)) is attached at \(one.hook) of \(one.cgroup)"
        let whose = "`bpftool prog show id \(one.id)` says whose it is"
        // Below Weir's, it keeps others out of its own cgroup alone.
        if one.isExclusive && !one.isBelow {
            return fail(
                title, "\(what) and allows no other; detach it, or load it with BPF_F_ALLOW_MULTI", hint: whose)
        }
        switch one.order {
        case .alone: return warn(title, what, hint: "both will run; \(whose)")
        case .after: return pass("\(what), and runs after Weir's")
        case .before:
            if one.isInOrder { return pass("\(what), and runs before Weir's") }
            return warn(
                "Weir runs before programs of others",
                "\(what), and runs before Weir's: \(consequence(of: one.hook))",
                hint: (one.isBelow
                    ? "programs of a cgroup below run first: attach Weir there (agent.cgroup), or that one above"
                    : "from Linux 6.17 on Weir comes first when it is unloaded and started anew; before, start Weir first, "
                        + "or attach it to the cgroup of the workloads (agent.cgroup), whose programs run first")
                    + "; \(whose)")
        }
    }

    private static func consequence(of hook: String) -> String {
        switch hook {
        case "connect4", "connect6", "sendmsg4", "sendmsg6":
            "where it changes the address, the proxy gets the new one for the original destination"
        default: "where it tells an address of its own, applications get the one that Weir puts in its place"
        }
    }
}
