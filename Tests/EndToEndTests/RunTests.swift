import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// `weir run`, in a namespace that stands for the host.
    @Suite struct Run {
        struct Summary: Decodable {
            let schema, command: String
            let exitCode, redirected, passed: Int
            let flows: [Installation.Flow]
        }

        @Test(arguments: [
            ("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("exec /nonexistent", 127),
            ("exec /etc/passwd", 126),
        ])
        func exitCodes(_ script: String, _ expected: Int32) throws {
            let host = try Pod(number: 30)
            let result = try Weir.run(["run", "--quiet", "--", "sh", "-c", script], in: host.namespace.place)
            #expect(result.status == expected)
        }

        @Test func commandsThatCannotBeRun() throws {
            let host = try Pod(number: 30)
            for (command, code, words) in [
                ("/nonexistent", 127, "No such file or directory"), ("/etc/passwd", 126, "Permission denied"),
            ] {
                let result = try Weir.run(["run", "--quiet", "--", command], in: host.namespace.place)
                #expect(result.status == Int32(code))
                #expect(result.errors == "weir run: cannot run \(command): \(words)\n")
            }
        }

        /// Through Weir's own proxy: right bytes, right destinations, nothing left.
        @Test(arguments: Family.allCases)
        func theSummaryIsRight(_ family: Family) throws {
            let lock = MachineLock(.exclusive)
            defer { withExtendedLifetime(lock) {} }
            let before = try MachineState.now()
            try countBytes(family)
            let left = try MachineState.leftovers(since: before)
            #expect(left.isEmpty)
        }

        private func countBytes(_ family: Family) throws {
            let host = try Pod(number: 31)
            let exercise = try Programs.exercise.get()
            let outside = try Listener.outside(of: host)
            let destination = Endpoint(family.destination(80), 80)
            let result = try Weir.run(
                [
                    "run", "-o", "json", "--", exercise, "connect", "blocking", destination.address, "80", "--token",
                    "twelve bytes",
                ], in: host.namespace.place)
            let attempt = try Attempt.adopted(result)
            let summary = try summary(result)
            observed(
                "weir run over \(family)", "\(attempt); \(summary.redirected) redirected, \(summary.passed) passed")
            #expect(attempt.facts?.name == "outside")
            #expect(attempt.facts?.local == destination)
            #expect(attempt.peer == destination)
            #expect(attempt.local?.address == host.address(family))
            #expect(summary.schema == "weir.run/v1")
            #expect(summary.exitCode == 0 && result.status == 0)
            #expect(summary.redirected == 1 && summary.passed == 0)
            let flow = try #require(summary.flows.first)
            #expect(summary.flows.count == 1)
            #expect(Endpoint(flow.destination) == destination)
            #expect(flow.established)
            #expect(flow.sentBytes == "twelve bytes\n".utf8.count)
            #expect(flow.receivedBytes == (attempt.replySize ?? 0) + 1)

            let table = try Weir.run(
                ["run", "--", exercise, "connect", "blocking", destination.address, "80"], in: host.namespace.place)
            #expect(table.errors.contains("ended with status 0: 1 redirected, 0 passed"))
            #expect(table.errors.contains(destination.description))
            let none = try Weir.run(["run", "--", "true"], in: host.namespace.place)
            #expect(
                none.errors
                    == "\nweir: true ended with status 0: 0 redirected, 0 passed\nweir: it made no connection\n")
            outside.process.stop()
        }

        /// Through a proxy of the user's, which is outside the command's cgroup and so needs no identity.
        @Test(arguments: ["127.0.0.1:15001", "[::1]:15001"])
        func aProxyOfTheUsers(_ address: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let host = try Pod(number: 32)
            let stubs = [try Listener.proxy(in: host), try Listener.outside(of: host)]
            for family in Family.allCases {
                let destination = Endpoint(family.destination(81), 443)
                let arguments = [try Programs.exercise.get(), "connect", "blocking", destination.address, "443"]
                let result = try Weir.run(
                    ["run", "--proxy", address, "-o", "json", "--"] + arguments, in: host.namespace.place)
                let attempt = try Attempt.adopted(result)
                observed("weir run --proxy \(address) over \(family)", attempt)
                #expect(attempt.facts?.name == "proxy")
                #expect(attempt.facts?.origin == destination)
                #expect(attempt.peer == destination)
                #expect(try summary(result).redirected == 1)
            }
            // Another process meanwhile is no part of it.
            let sleeping = try Weir.start(
                ["run", "--proxy", address, "--quiet", "--", "sleep", "1000"], in: host.namespace.place)
            #expect(Eventually.value { runCgroup(of: sleeping) != nil ? true : nil } == true)
            let bystander = try Attempt.run(
                "blocking", to: Endpoint(Family.ipv4.destination(82), 80), in: host.application)
            #expect(bystander.facts?.name == "outside")
            sleeping.stop(SIGKILL)
            #expect(try Weir.run(["unload", "--config", Installation().file]).status == 0)
            for stub in stubs { stub.process.stop() }
        }

        @Test(arguments: [("1000", "1000 1000"), ("nobody", "65534 65534")])
        func asAnotherUser(_ user: String, _ expected: String) throws {
            let host = try Pod(number: 33)
            let result = try Weir.run(
                ["run", "--quiet", "--user", user, "--", "sh", "-c", "echo $(id -u) $(id -g); id -G"],
                in: host.namespace.place)
            #expect(result.status == 0)
            let lines = result.output.split(separator: "\n").map(String.init)
            #expect(lines.first == expected)
            #expect(lines.last == String(expected.split(separator: " ")[1]), "root's groups are left")
            let unknown = try Weir.run(["run", "--user", "nobody-of-that-name", "--", "true"])
            #expect(unknown.status == 2)
            #expect(
                unknown.errors
                    == "weir: there is no user \"nobody-of-that-name\"; give a name of /etc/passwd or a number\n")
        }

        /// The command starts with the signals of a shell's command: none blocked, none ignored.
        @Test func signalsReachTheCommand() throws {
            let host = try Pod(number: 30)
            let lines = try Weir.run(
                ["run", "--quiet", "--", "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"], in: host.namespace.place)
            observed("signals of the command", lines.output.split(separator: "\n").joined(separator: ", "))
            let masks = lines.output.split(separator: "\n").compactMap { $0.split(separator: "\t").last }
            // Signals 32 and 33 are the C library's own.
            #expect(masks.compactMap { UInt64($0, radix: 16) }.map { $0 & ~0x1_8000_0000 } == [0, 0])
        }

        /// A command that outlived its interception would run without it.
        @Test(arguments: ["echo $$; exec sleep 1000", "sleep 1000 & echo $!; wait"])
        func nothingOutlivesIt(_ script: String) throws {
            let lock = MachineLock(.exclusive)
            defer { withExtendedLifetime(lock) {} }
            let before = try MachineState.now()
            try kill(script)
            #expect(try Weir.run(["unload", "--config", Installation().file]).status == 0)
            let left = try MachineState.leftovers(since: before)
            #expect(left.isEmpty)
        }

        private func kill(_ script: String) throws {
            let host = try Pod(number: 34)
            let run = try Weir.start(["run", "--quiet", "--", "sh", "-c", script], in: host.namespace.place)
            let said = Eventually.value { run.output.hasSuffix("\n") ? run.output : nil }
            let pid = try #require(Int32(said?.trimmingCharacters(in: .newlines) ?? ""))
            #expect(Processes.isRunning(pid))
            run.stop(SIGKILL)
            let isGone = Eventually.value { Processes.isRunning(pid) ? nil : true }
            #expect(isGone == true, "\(script): its process runs on, without interception")
            if isGone != true { Foundation.kill(pid, SIGKILL) }
        }

        /// Processes that the command leaves in the background are ended, and told of.
        @Test func backgroundProcessesAreEnded() throws {
            let host = try Pod(number: 35)
            let result = try Weir.run(["run", "--", "sh", "-c", "sleep 1000 & echo $!"], in: host.namespace.place)
            let pid = try #require(Int32(result.output.trimmingCharacters(in: .whitespacesAndNewlines)))
            #expect(!Processes.isRunning(pid))
            #expect(result.errors.contains("weir: ended 1 of its processes that were still running"))
        }

        private func summary(_ result: ChildProcess.Output) throws -> Summary {
            let text = result.errors.drop { $0 != "{" }
            return try JSONDecoder().decode(Summary.self, from: Data(text.utf8))
        }

        private func runCgroup(of process: ChildProcess) -> String? {
            let path = "\(Cgroup.root ?? "")/weir-run-\(process.pid)"
            let members = Workspace.read("\(path)/cgroup.procs")
            return members.isEmpty ? nil : path
        }
    }
}
