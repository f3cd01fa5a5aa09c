import Foundation
import TestSupport
import Testing

extension Commands {
    /// What machines read.
    @Suite struct Outputs {
        private struct Document: Decodable { let schema: String }

        /// Every document names its schema, whether or not there is an agent.
        @Test func documentsNameTheirSchema() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let namespace = try Namespace()
            let name = namespace.name
            let weir = try Installation(["{name: \(name), selector: {netns: \(namespace.path)}, mesh: istio}"])
            let before: Document = try document(weir, ["status"], status: 1)
            #expect(before.schema == "weir.status/v1")
            try weir.load()
            try expectSchemas(weir, name)
            let agent = try weir.startAgent()
            try expectSchemas(weir, name)
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
        }

        /// A file's configuration for machines has numbers as numbers, and no comments.
        @Test func configurations() throws {
            struct Shown: Decodable {
                struct Configuration: Decodable {
                    struct Agent: Decodable { let pins: String }
                    let agent: Agent
                    let accelerationBudget: Int
                }
                let schema: String
                let configuration: Configuration
            }
            let weir = try Installation()
            let result = try Weir.run(["config", "show", weir.file, "-o", "json"])
            let shown = try JSONDecoder().decode(Shown.self, from: Data(result.output.utf8))
            #expect(shown.schema == "weir.configuration/v1")
            #expect(shown.configuration.agent.pins == weir.pins)
            #expect(shown.configuration.accelerationBudget == 262144)
            let both = try Weir.run(["config", "show", weir.file, "-o", "json", "--origin"])
            #expect(both.status == 64)
            #expect(both.errors.contains("--origin writes comments, which JSON has not; leave out one of the two"))
        }

        private func expectSchemas(_ weir: Installation, _ name: String) throws {
            for (command, schema) in [
                (["status"], "weir.status/v1"), (["workloads"], "weir.workloads/v1"), (["stats"], "weir.stats/v1"),
                (["stats", name], "weir.stats/v1"), (["explain", name, "192.0.2.1:80"], "weir.explain/v1"),
                (["check", "--skip", "foreign"], "weir.check/v1"),
            ] {
                let document: Document = try document(weir, command)
                #expect(document.schema == schema, "\(command)")
            }
        }

        private func document<T: Decodable>(_ weir: Installation, _ command: [String], status: Int32 = 0) throws -> T {
            let result = try weir.run(command + ["-o", "json"])
            #expect(result.status == status, "\(command): \(result.errors)")
            #expect(result.errors == "")
            return try JSONDecoder().decode(T.self, from: Data(result.output.utf8))
        }

        /// Streams are JSON lines.
        @Test func streamsAreLines() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 45)
            let weir = try Installation([
                "{name: shop, selector: {netns: \(pod.namespace.path)}, mesh: istio}"
            ])
            let agent = try weir.startAgent()
            let following = try Weir.start(["flows", "--follow", "-o", "json", "--config", weir.file])
            let watching = try Weir.start(["stats", "--watch", "-o", "json", "--config", weir.file])
            try watching.waitForLine("{")  // what was counted before its first look is not shown
            let attempt = try Attempt.run("blocking", to: Endpoint("192.0.2.1", 80), in: pod.application)
            #expect(attempt.outcome == "refused")
            let flow = try following.waitForLine("192.0.2.1:80")
            let counters = try watching.waitForLine("shop")
            #expect(try JSONDecoder().decode(Document.self, from: Data(counters.utf8)).schema == "weir.stats/v1")
            #expect(try JSONDecoder().decode(Installation.Flow.self, from: Data(flow.utf8)).established == false)
            let schema = try? JSONDecoder().decode(Document.self, from: Data(flow.utf8)).schema
            #expect(schema == "weir.flow/v1", "records name no schema")
            // A follower ends when there is nobody any more to follow.
            try weir.succeed(["unload"])
            #expect(Eventually.value { following.poll() } == 2)
            #expect(following.errors == "weir: the agent has ended, and with it the records; weir status says more\n")
            watching.stop()
            #expect(try agent.wait().status == 0)
        }

        /// A reader that closes early is no failure of the writer's.
        @Test(arguments: ["status", "workloads", "stats", "stats --watch", "check --skip foreign", "config show FILE"])
        func aReaderThatClosesEarly(_ command: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let weir = try Installation()
            try weir.load()
            let words = command.replacingOccurrences(of: "FILE", with: weir.file)
            let options = command.hasSuffix("FILE") ? "" : " --config \(weir.file)"
            // The reader is gone before weir starts.
            let script = "exec 3> >(true); wait $!; \(try Programs.weir.get()) \(words)\(options) >&3; echo $?"
            let result = try Command.output(["/bin/bash", "-c", script])
            #expect(result.errors == "", "\(command)")
            #expect(["0\n", "141\n"].contains(result.output), "\(command)")
            try weir.succeed(["unload"])
        }

        /// Half a document and status 0 would be taken for the whole.
        @Test(arguments: ["status", "workloads -o json", "stats -o json", "check --skip foreign", "config show FILE"])
        func aFullDisk(_ command: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let weir = try Installation()
            try weir.load()
            let words = command.replacingOccurrences(of: "FILE", with: weir.file)
            let options = command.hasSuffix("FILE") ? "" : " --config \(weir.file)"
            let script = "\(try Programs.weir.get()) \(words)\(options) >/dev/full"
            expect(
                try Command.output(["/bin/bash", "-c", script]), 2,
                "weir: cannot write to standard output: no space left on device; see that the disk is not full, and run "
                    + "the command again")
            try weir.succeed(["unload"])
        }

        @Test func usage() throws {
            for (arguments, words) in [
                (["run"], "Missing expected argument '-- <command> ...'"), (["explain"], "Missing expected argument"),
                (["stats", "-o", "xml"], "Please provide one of 'table' and 'json'"),
                (["check", "--category", "x"], "There is no category \"x\"; use kernel,"),
                (["run", "--mesh", "x", "--", "true"], "There is no mesh \"x\"; use istio, linkerd, kuma, osm."),
                (["worklaods"], "weir: there is no command worklaods; did you mean workloads?"),
                (["bogus"], "weir: there is no command bogus; weir --help lists them"),
            ] {
                let result = try Weir.run(arguments)
                #expect(result.status == 64, "\(arguments)")
                #expect(result.errors.contains(words), "\(arguments)")
            }
        }

        @Test(arguments: [
            ["run", "--proxy", "x", "--", "true"], ["run", "--dns", "x", "--", "true"], ["proxy", "--listen", "x"],
            ["explain", "shop", "x"],
        ])
        func endpoints(_ arguments: [String]) throws {
            let result = try Weir.run(arguments)
            #expect(result.status == 64)
            #expect(
                result.errors.hasPrefix(
                    "Error: \"x\" is not an address and a port; write one like 127.0.0.1:15001 or [::1]:15001\n"))
        }

        /// Nothing is installed: what each command says.
        @Test func nothingInstalled() throws {
            let weir = try Installation()
            for command in [["workloads"], ["stats"], ["flows"], ["explain", "shop", "192.0.2.1:80"]] {
                expect(
                    try weir.run(command), 2,
                    "weir: cannot find Weir's programs under /sys/fs/bpf/\(weir.pins): no such file or directory; "
                        + "start the agent (weir agent) or install them (weir load)")
            }
            let status = try weir.run(["status"])
            #expect(status.status == 1)
            #expect(
                status.output == "mechanism  none: no programs under /sys/fs/bpf/\(weir.pins); start the agent "
                    + "(weir agent) or load them (weir load)\n")
        }

        @Test func unknownNames() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let namespace = try Namespace()
            let weir = try Installation(["{name: shop, selector: {netns: \(namespace.path)}, mesh: istio}"])
            try weir.load()
            for command in [["stats", "shpo"], ["flows", "shpo"], ["explain", "shpo", "192.0.2.1:80"]] {
                expect(try weir.run(command), 2, "weir: there is no workload \"shpo\"; there is shop")
            }
            expect(
                try weir.run(["flows"]), 2,
                "weir: no agent answers on \(weir.socket); start weir agent, which keeps the records")
            try weir.succeed(["unload"])
        }
    }
}
