import Glibc
import WeirBPF
import WeirCore

extension NodeCheck {
    static func workloads(_ configuration: Configuration, _ pins: PinDirectory) -> [Check] {
        if geteuid() != 0 { return [cannotSee("the workloads are intercepted")] }
        return installed(configuration, pins) + routing(configuration, pins) + bothInForce(configuration)
    }

    private static func installed(_ configuration: Configuration, _ pins: PinDirectory) -> [Check] {
        do {
            let installed = try Installed(pins)
            let seen = Seen(steered: Set(pins.attached), faults: pins.exists ? pins.faults() : [])
            let registered = try installed.registered(), ruled = try installed.ruled()
            let programs = registered.map { one in
                attempt(title(one.name)) { try check(one, installed, seen, pins) }
            }
            let rules = ruled.map { one in
                attempt(title(one.workload.name)) { try check(one, installed) }
            }
            let names = Set(registered.map(\.name) + ruled.map { KernelName.of($0.workload.name) })
            return programs + rules + missing(configuration, names, installed) + (try sockets(installed))
        } catch {
            return [fail("the workloads can be read", "\(error)")]
        }
    }

    /// Those that the configuration has, and nothing that is in force.
    private static func missing(
        _ configuration: Configuration, _ names: Set<String>, _ installed: Installed
    ) -> [Check] {
        configuration.workloads.filter { !names.contains(KernelName.of($0.name)) }.map { one in
            // That is said of the installation, and may be why one asks.
            guard installed.isAnything else {
                let hint = "start weir agent, or run weir load"
                return warn(title(one.name), "it is not: nothing is installed", hint: hint)
            }
            return fail(
                title(one.name), "it is not: what is installed has no such workload",
                hint: "`weir status` says why, where the agent knows; or reload it (systemctl reload weir)")
        }
    }

    /// What the kernel says of all of them.
    private struct Seen {
        let steered: Set<String>
        let faults: [String]
    }

    private static func title(_ name: String) -> String { "workload \(name) is intercepted" }

    private static let removed = InvalidValue(
        "somebody has removed the table weir from its network namespace; start the agent, which puts it back, or run "
            + "weir load")
    private static let gone = InvalidValue("its network namespace is gone; make it anew, or remove the workload")

    private static func check(
        _ one: RegisteredWorkload, _ installed: Installed, _ seen: Seen, _ pins: PinDirectory
    ) throws {
        if let fault = seen.faults.first { throw InvalidValue("not every program is in force: \(fault)") }
        guard try installed.interceptor?.maps.sources(of: one.policy).isEmpty == false else {
            throw InvalidValue("its policy is missing from the kernel; run weir unload and start again")
        }
        guard case .netns(let cookie) = one.key else {
            guard case .cgroup(let id) = one.key, try Host.hasCgroup(id) else {
                throw InvalidValue("its cgroup is gone; make it anew, or remove the workload")
            }
            return
        }
        guard seen.steered.contains("weir_sk_lookup@\(cookie)") else {
            throw InvalidValue("its inbound program is not attached; restart the agent")
        }
        guard try Steering.isAlive(cookie: cookie, pins) else { throw gone }
        guard one.hasInboundRules else { return }
        let noted = try installed.namespaces.workloads().first { $0.cookie == cookie }
        if try noted.flatMap({ try installed.namespaces.counters(of: $0) }) == nil { throw removed }
    }

    private static func check(_ one: NotedWorkload, _ installed: Installed) throws {
        guard let namespace = one.namespace() else { throw gone }
        guard try installed.namespaces.counters(of: one) != nil else { throw removed }
        guard try installed.namespaces.hasRules(one, in: namespace) else {
            throw InvalidValue(
                "somebody has removed or added rules of the table weir in its network namespace; start the agent, which "
                    + "puts them back, or run weir load")
        }
    }
}
