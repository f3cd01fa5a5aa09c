import Glibc
import WeirBPF
import WeirCore

extension NodeCheck {
    static func workloads(_ configuration: Configuration, _ pins: PinDirectory) -> [Check] {
        if geteuid() != 0 { return [cannotSee("the workloads are intercepted")] }
        return installed(pins) + routing(configuration, pins) + bothInForce(configuration)
    }

    private static func installed(_ pins: PinDirectory) -> [Check] {
        do {
            let installed = try Installed(pins)
            let steered = Set(pins.attached)
            let programs = try installed.registered().map { one in
                attempt(title(one.name)) { try check(one, installed, steered, pins) }
            }
            let rules = try installed.ruled().map { one in
                attempt(title(one.workload.name)) { try check(one, installed) }
            }
            return programs + rules
        } catch {
            return [fail("the workloads can be read", "\(error)")]
        }
    }

    private static func title(_ name: String) -> String { "workload \(name) is intercepted" }

    private static let gone = InvalidValue("its network namespace is gone; make it anew, or remove the workload")

    private static func check(
        _ one: RegisteredWorkload, _ installed: Installed, _ steered: Set<String>, _ pins: PinDirectory
    ) throws {
        guard try installed.interceptor?.maps.sources(of: one.policy).isEmpty == false else {
            throw InvalidValue("its policy is missing from the kernel; run weir unload and start again")
        }
        guard case .netns(let cookie) = one.key else { return }
        guard steered.contains("weir_sk_lookup@\(cookie)") else {
            throw InvalidValue("its inbound program is not attached; restart the agent")
        }
        guard try Steering.isAlive(cookie: cookie, pins) else { throw gone }
    }

    private static func check(_ one: NotedWorkload, _ installed: Installed) throws {
        guard one.namespace() != nil else { throw gone }
        guard try installed.namespaces.counters(of: one) != nil else {
            throw InvalidValue(
                "somebody has removed the table weir from its network namespace; start the agent, which puts it back, or run weir load"
            )
        }
    }
}
