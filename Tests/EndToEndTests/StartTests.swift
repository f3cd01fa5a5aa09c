import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// What a process that starts makes of what an earlier one has left in force.
    @Suite struct Starts {
        private static let commands = ["agent", "load"]

        /// Not even a process that starts takes a file that was cut short for an order.
        @Test(arguments: ["ebpf", "nftables"])
        func aFileCutShortChangesNothing(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 46)
            let stub = try Listener.proxy(in: pod)
            let weir = try Installation([.istio(pod)], mechanism: mechanism)
            try weir.load()
            let text = try String(contentsOfFile: weir.file, encoding: .utf8)
            let head = try #require(text.range(of: "workloads:"))
            for cut in [String(text[..<head.lowerBound]), String(text[..<head.upperBound])] {
                try weir.write(cut)
                for command in Self.commands {
                    let result = try weir.run([command])
                    #expect(result.status == 2)
                    #expect(
                        result.errors.contains(
                            "has no list of workloads, as if it were missing or had been cut short, and 1 are in force: "
                                + "\(pod.namespace.name); write workloads: [] if there are to be none"),
                        "\(result.errors)")
                    try expect("proxy", pod)
                }
            }
            try weir.succeed(["unload"])
            // Where nothing is in force, nothing can be lost.
            #expect(try weir.run(["load"]).status == 0)
            try weir.succeed(["unload"])
            stub.process.stop()
        }

        /// What the file does not have any more is said with its count, by an agent and by a command.
        @Test(arguments: ["ebpf", "nftables"], Self.commands)
        func removalsAreSaid(_ mechanism: String, _ command: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pods = [try Pod(number: 46), try Pod(number: 47)]
            let weir = try Installation(pods.map { .istio($0) }, mechanism: mechanism)
            try weir.load()
            try weir.configure([.istio(pods[1])], mechanism: mechanism)
            let name = pods[0].namespace.name
            switch command {
            case "agent":
                let agent = try weir.startAgent()
                let line = try agent.waitForLine("they are not intercepted from now on", in: .errors)
                #expect(
                    line.contains("warning") && line.contains("removed=1") && line.contains("workloads=\(name)"),
                    "\(line)")
            default:
                let result = try weir.run([command])
                #expect(
                    result.errors
                        == "weir: 1 workloads that were in force are not in the configuration, and not intercepted "
                        + "any more: \(name)\n", "\(result.errors)")
            }
            try weir.succeed(["unload"])
        }

        private func expect(_ name: String, _ pod: Pod, sourceLocation: SourceLocation = #_sourceLocation) throws {
            let attempt = try Attempt.run("blocking", to: Endpoint("203.0.113.46", 80), in: pod.application)
            #expect(attempt.facts?.name == name, sourceLocation: sourceLocation)
        }

        /// A tool that is missing is missed before any workload is touched, also where eBPF needs it beside itself.
        @Test(arguments: [
            ("ebpf", "annotations: {istio.io/reroute-virtual-interfaces: \"net1\"}", "nft is not installed in"),
            ("nftables", "", "nft is not installed in"),
            (
                "nftables", "annotations: {sidecar.istio.io/interceptionMode: TPROXY}",
                "TPROXY mode needs ip, which is not installed"
            ),
        ])
        func toolsThatAreMissing(_ mechanism: String, _ keys: String, _ sentence: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pods = [try Pod(number: 46), try Pod(number: 47)]
            let weir = try Installation([.istio(pods[0]), .istio(pods[1], keys)], mechanism: mechanism)
            let tool = sentence.hasPrefix("nft") ? "/usr/sbin/nft" : "/usr/sbin/ip /usr/bin/ip"
            let hidden = "for tool in \(tool); do [ ! -e $tool ] || mount --bind /dev/null $tool; done; exec \"$@\""
            let result = try Command.output(
                ["unshare", "-m", "sh", "-c", hidden, "sh", Programs.weir.get(), "load", "--config", weir.file])
            #expect(result.status == 2)
            #expect(
                result.errors.contains("workload \(pods[1].namespace.name): ") && result.errors.contains(sentence),
                "\(result.errors)")
            #expect(weir.isGone)
            let tables = try Command.output(["nft", "list", "tables"], in: pods[0].namespace.place(uid: 0))
            #expect(tables.output == "")
        }

        /// Where auto comes to nftables, what that cannot do is refused before any workload is touched.
        @Test(arguments: Self.commands)
        func autoRefusesWholly(_ command: String) throws {
            let pods = [try Pod(number: 46), try Pod(number: 47)]
            let cgroup = try Cgroup()
            let weir = try Installation(
                [
                    .istio(pods[0]),
                    """
                    name: \(pods[1].namespace.name)
                    selector: {netns: \(pods[1].namespace.path)}
                    proxy: {outbound: 15001, cgroup: \(cgroup.path)}
                    """,
                ], mechanism: "auto")
            let result = try weir.run([command], in: .withoutBPF)
            #expect(result.status == 2)
            #expect(
                result.errors.contains(
                    "workload \(pods[1].namespace.name): nftables rules know the proxy by its user or group"),
                "\(result.errors)")
            let tables = try Command.output(["nft", "list", "tables"], in: pods[0].namespace.place(uid: 0))
            #expect(tables.output == "")
            #expect(weir.isGone)
        }
    }
}
