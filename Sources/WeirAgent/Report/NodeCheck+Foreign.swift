import Glibc
import WeirBPF

extension NodeCheck {
    /// A node has a handful; a cgroup with more of them is a fault of somebody else's.
    private static let mostForeign = 64

    /// - Parameter cgroup: what Weir is attached to; nil for the root.
    static func foreign(_ cgroup: String?, _ pins: PinDirectory) -> [Check] {
        let title = "no program of others at Weir's hooks"
        if geteuid() != 0 { return [cannotSee(title)] }
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
        let runs = "\(what), and runs \(one.order == .before ? "before" : "after") Weir's"
        if one.order == .alone { return warn(title, what, hint: "both will run; \(whose)") }
        if one.isInOrder { return pass(runs) }
        return warn(
            "Weir's programs are in order with those of others", "\(runs): \(consequence(of: one.hook))",
            hint: "\(remedy(one)); \(whose)")
    }

    private static func remedy(_ one: ForeignProgram) -> String {
        if one.order == .after {
            return "unload Weir and start it anew in the same cgroup (agent.cgroup), which puts its program behind that"
        }
        if one.isBelow {
            return "programs of a cgroup below run first: attach Weir there (agent.cgroup), or that one above"
        }
        return "from Linux 6.17 on Weir comes first when it is unloaded and started anew; before, start Weir first, or "
            + "attach it to the cgroup of the workloads (agent.cgroup), whose programs run first"
    }

    private static func consequence(of hook: String) -> String {
        switch hook {
        case "connect4", "connect6", "sendmsg4", "sendmsg6":
            "where it changes the address, the proxy gets the new one for the original destination"
        case "sockops":
            "where it sets a socket's callbacks and keeps none that are set, the record is lost, and a handshake that "
                + "fails stays counted"
        case "getsockopt": "where it answers SO_ORIGINAL_DST, the proxy gets its answer"
        default: "where it tells an address of its own, applications get the one that Weir puts in its place"
        }
    }
}
