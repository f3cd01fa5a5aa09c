import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// `weir bench` on this machine: what it leaves, and whether it notices.
    @Suite struct Bench {
        @Test(arguments: [SIGTERM, SIGINT])
        func anInterruptedRunLeavesNothing(signal: Int32) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let bench = try Weir.start(["bench", "--only", "connect"])
            try bench.waitForLine("round", in: .errors)
            #expect(!left(by: bench).isEmpty)
            let result = bench.stop(signal)
            #expect(result.status == 128 + signal)
            #expect(result.errors.hasSuffix("weir bench: interrupted; nothing is left behind\n"))
            #expect(result.output == "")
            #expect(left(by: bench).isEmpty)
        }

        @Test func unloadCleansUpAfterAKilledRun() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let bench = try Weir.start(["bench", "--only", "latency"])
            try bench.waitForLine("round", in: .errors)
            #expect(bench.stop(SIGKILL).status == 128 + SIGKILL)
            let found = left(by: bench)
            observed("left by a killed run", found.count)
            #expect(!found.isEmpty)
            let weir = try Installation()
            #expect(try weir.unload().output == "removed what 1 killed runs of weir bench left\n")
            #expect(left(by: bench).isEmpty)
        }

        /// Everything of a run, of whatever kind, has its process id in its name.
        private func left(by bench: ChildProcess) -> [String] {
            let name = "weir-bench-\(bench.pid)"
            let folders = ["/run/netns", "/sys/fs/bpf", "/tmp", "/run/weir"] + [Cgroup.root].compactMap(\.self)
            return folders.flatMap { folder in
                ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
                    .filter { $0.hasPrefix(name) || $0.hasPrefix("namespaces-\(name)") }.map { "\(folder)/\($0)" }
            }
        }

        /// A program that wastes 50 microseconds of each connect(), beside Weir's in the cgroup that those are attached
        /// to: Weir became slower, and nothing else did.
        @Test func aSlowerWeirShows() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let delay = try Delay()
            let before = Workspace.newPath("before.json")
            let after = Workspace.newPath("after.json")
            #expect(try Weir.run(["bench", "--quick", "--only", "connect", "--json", before]).status == 0)
            let slowed = try Weir.start(["bench", "--quick", "--only", "connect", "--json", after])
            try delay.attach(to: slowed)
            #expect(try slowed.wait(limit: 200).status == 0)

            let result = try Weir.run(["bench", "compare", before, after, "-o", "json"])
            #expect(result.status == 1)
            struct Comparison: Decodable {
                struct Row: Decodable {
                    let what, `case`, against, outcome: String
                    let before, after: Double
                }
                let rows: [Row]
            }
            let rows = try JSONDecoder().decode(Comparison.self, from: Data(result.output.utf8)).rows
                .filter { $0.what.contains("time to connect · IPv4") && $0.against == "direct" }
            for row in rows {
                observed("\(row.what) \(row.case) / direct", "\(row.before) \(row.after) \(row.outcome)")
            }
            let weir = rows.filter { $0.case == "weir" }
            #expect(weir.count == 3)
            #expect(weir.allSatisfy { $0.outcome == "worse" && $0.after > $0.before * 1.5 })
            #expect(rows.filter { !$0.case.hasPrefix("weir") }.allSatisfy { $0.after < $0.before * 2 })
        }
    }
}

/// A connect hook that takes its time.
private final class Delay {
    private let pin = "/sys/fs/bpf/\(Workspace.ownPrefix)delay"

    init() throws {
        // Helper 5 is bpf_ktime_get_ns.
        let source = try Workspace.write(
            "delay.c",
            """
            static unsigned long long (*now)(void) = (void *)5;
            __attribute__((section("cgroup/connect4"), used)) int delay(void *context)
            {
                unsigned long long end = now() + 50000;
                for (int i = 0; i < 5000; i++)
                    if (now() > end)
                        break;
                return 1;
            }
            char gpl[] __attribute__((section("license"), used)) = "GPL";
            """)
        let object = Workspace.newPath("delay.o")
        try Command.run([Programs.installed("clang"), "-target", "bpf", "-O2", "-g", "-c", source, "-o", object])
        try Command.run([Programs.installed("bpftool"), "prog", "load", object, pin])
    }

    deinit { unlink(pin) }

    /// As soon as the run has its cgroup; with that the attachment goes.
    func attach(to bench: ChildProcess) throws {
        let root = try #require(Cgroup.root)
        let cgroup = "\(root)/weir-bench-\(bench.pid)/mesh"
        try #require(Eventually.value { FileManager.default.fileExists(atPath: cgroup) ? true : nil } == true)
        try Command.run([
            Programs.installed("bpftool"), "cgroup", "attach", cgroup, "connect4", "pinned", pin, "multi",
        ])
    }
}
