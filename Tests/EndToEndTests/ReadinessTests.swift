import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Whether the agent is ready is whether what the configuration wants is in force; and `weir check` says of nothing
    /// that it is well that it has not seen.
    @Suite struct Readiness {
        @Test func ofTheConfiguration() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 85)
            let weir = try Installation([.istio(pod)])
            let agent = try weir.startAgent()
            try expectReady(weir)

            try weir.write("workloads: [{name: shop, selector: {netns: /n}, mesh: isto}]\n")
            agent.signal(SIGHUP)
            try agent.waitForLine("configuration not applied", in: .errors)
            try expectNotReady(weir, "the configuration on disk is not in force: ", isConfiguration: true)
            let check = try Weir.run(["check", "--category", "agent", "--config", try copy(weir)])
            #expect(check.status == 1)
            #expect(check.output.contains("√ the agent answers"))
            #expect(check.output.contains("× the configuration on disk is in force"), "\(check.output)")

            // One that is not there is wanted, too.
            let late = Namespace.newName()
            try weir.configure([.istio(pod), "{name: late, selector: {netns: /run/netns/\(late)}, mesh: istio}"])
            agent.signal(SIGHUP)
            try agent.waitForLine("configuration applied", in: .errors)
            try expectNotReady(weir, "workload late is not there: ", isConfiguration: false)
            let absent = try weir.run(["check", "--category", "workloads", "--category", "agent"])
            #expect(absent.status == 1)
            #expect(absent.output.contains("√ workload \(pod.namespace.name) is intercepted\n"))
            #expect(absent.output.contains("× workload late is intercepted\n"), "\(absent.output)")
            #expect(absent.output.contains("× the workloads of the configuration are there\n"))

            let other = try Namespace(name: late)
            #expect(try Eventually.value { try page(weir, "readyz").status == 200 ? true : nil } == true)
            try expectReady(weir)
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            withExtendedLifetime(other) {}
        }

        private func copy(_ weir: Installation) throws -> String {
            try Workspace.write("copy.yaml", "agent: {pins: \(weir.pins), socket: \(weir.socket)}\n")
        }

        private func expectReady(_ weir: Installation) throws {
            #expect(try page(weir, "readyz").text == "ok\n")
            let metrics = try page(weir, "metrics").text
            #expect(metrics.contains("\nweir_ready 1\n") && metrics.contains("\nweir_configuration_in_force 1\n"))
        }

        private func expectNotReady(_ weir: Installation, _ sentence: String, isConfiguration: Bool) throws {
            let ready = try page(weir, "readyz")
            observed("/readyz", ready.text)
            #expect(ready.status == 503 && ready.text.hasPrefix(sentence))
            // To start the process again would mend nothing.
            let health = try page(weir, "healthz")
            #expect(health.status == 200 && !health.text.contains("ok"))
            let metrics = try page(weir, "metrics").text
            #expect(metrics.contains("\nweir_ready 0\n"))
            #expect(metrics.contains("\nweir_configuration_in_force \(isConfiguration ? 0 : 1)\n"))
        }

        private func page(_ weir: Installation, _ path: String) throws -> (status: Int, text: String) {
            let url = "http://127.0.0.1:\(weir.listen)/\(path)"
            let output = try Command.run(["curl", "-s", "-w", "%{http_code}", url])
            return (Int(output.suffix(3)) ?? 0, String(output.dropLast(3)))
        }

        /// With nothing installed, nothing is intercepted.
        @Test(arguments: ["ebpf", "nftables"])
        func nothingIsInstalled(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 86)
            let weir = try Installation([.istio(pod)], mechanism: mechanism)
            let check = try weir.run(["check", "--category", "workloads", "--category", "installation"])
            observed("nothing is installed", check.output)
            #expect(check.status == 1)
            #expect(check.output.contains("× the programs are installed\n"))
            #expect(check.output.contains("none of the 1 workloads is intercepted"))
            #expect(check.output.contains("‼ workload \(pod.namespace.name) is intercepted\n"))
            #expect(!check.output.split(separator: "\n").contains { $0.hasPrefix("√") && $0.contains("intercepted") })
        }

        /// Who may not look has seen nothing, and the exit status says that.
        @Test func asNobody() throws {
            let weir = try Installation(["{name: shop, selector: {netns: /run/netns/none}, mesh: istio}"])
            let check = try weir.run(["check"], in: Place(uid: 65534, gid: 65534))
            observed("as nobody", check.output)
            #expect(check.status == 2, "\(check.errors)")
            let wells = check.output.split(separator: "\n").filter { $0.hasPrefix("√") }
            #expect(
                wells.allSatisfy { line in
                    ["BTF", "cgroup v2 is mounted", "BPF file system is mounted"].contains { line.contains($0) }
                }, "\(wells)")
            for what in ["the verifier accepts", "nftables can be used", "the workloads are", "the proxies listen"] {
                #expect(check.output.contains("? \(what)"), "\(what)")
            }
        }

        /// A program that somebody has detached is missing to every workload.
        @Test func aProgramIsDetached() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 88)
            let weir = try Installation([.istio(pod)])
            try weir.load()
            let arguments = ["check", "--category", "workloads"]
            #expect(try weir.run(arguments).status == 0)
            try Command.run(["bpftool", "link", "detach", "pinned", "/sys/fs/bpf/\(weir.pins)/links/weir_connect4"])
            let check = try weir.run(arguments)
            #expect(check.status == 1)
            let finding = "not every program is in force: weir_connect4 was detached"
            #expect(check.output.contains(finding), "\(check.output)")
            try weir.succeed(["unload"])
        }

        /// A table without its rules is there, and intercepts nothing.
        @Test func rulesAreGone() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 90)
            let weir = try Installation([.istio(pod, "dns: all")], mechanism: "nftables")
            try weir.load()
            let arguments = ["check", "--category", "workloads"]
            #expect(try weir.run(arguments).status == 0)
            try Command.run(["nft", "flush chain inet weir outbound_tcp"], in: pod.namespace.place)
            let check = try weir.run(arguments)
            #expect(check.status == 1)
            #expect(check.output.contains("somebody has removed or added rules of the table weir"), "\(check.output)")
            try weir.succeed(["unload"])
        }

        /// A cgroup that is gone has nobody in it who is intercepted.
        @Test func aCgroupIsGone() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            var cgroup: Cgroup? = try Cgroup()
            let path = try #require(cgroup?.path)
            let weir = try Installation([
                "name: shop\nselector: {cgroup: \(path)}\nproxy: {outbound: 15001, uid: 1337}"
            ])
            try weir.load()
            let arguments = ["check", "--category", "workloads"]
            #expect(try weir.run(arguments).output.contains("√ workload shop is intercepted\n"))
            cgroup = nil
            let check = try weir.run(arguments)
            #expect(check.status == 1)
            #expect(check.output.contains("× workload shop is intercepted\n    its cgroup is gone"), "\(check.output)")
            try weir.succeed(["unload"])
        }
    }
}
