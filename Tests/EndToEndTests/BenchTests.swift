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
            #expect(try weir.unload().output == "removed what 1 killed run of weir bench left\n")
            #expect(left(by: bench).isEmpty)
        }

        /// Everything of a run, of whatever kind, has its process id in its name.
        private func left(by bench: ChildProcess) -> [String] {
            let name = "weir-bench-\(bench.pid)"
            let folders =
                ["/run/netns", "/sys/fs/bpf", "/run", "/run/weir", "/run/weir-state"] + [Cgroup.root].compactMap(\.self)
            return folders.flatMap { folder in
                ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
                    .filter { $0.hasPrefix(name) || $0.hasPrefix("namespaces-\(name)") }.map { "\(folder)/\($0)" }
            }
        }

        /// A program that wastes twice the time of a connect(), beside Weir's in the cgroup that those are attached to: Weir
        /// became slower, and nothing else did. Beside it what is not Weir's: objects that redirect as Merbridge's
        /// do, and then one that libbpf does not take.
        @Test func aSlowerWeirShows() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let peer = try Peer()
            let before = Workspace.newPath("before.json")
            let after = Workspace.newPath("after.json")
            let connect = ["bench", "--quick", "--only", "connect"]
            let first = try Weir.start(connect + ["--json", before, "--merbridge", peer.objects])
            #expect(try first.wait(limit: 600).status == 0)
            let measured = try Peer.Report(file: before).measurements.filter { $0.what == "time to connect" }
            let direct = try #require(measured.first?.results.first { $0.case == "direct" })
            let delay = try Delay(nanoseconds: Int(direct.summary.p50 * 2))
            let slowed = try Weir.start(connect + ["--json", after, "--merbridge", peer.legacyObject])
            try delay.slow(slowed)
            #expect(try slowed.wait(limit: 600).status == 0)

            // Nothing but a redirection answers at the address that is called; its exclusions would not fit.
            #expect(measured.filter { $0.has("merbridge") }.map(\.variant) == ["IPv4", "IPv6"])
            #expect(measured.count { $0.has("weir") } == 6)
            #expect(
                try Peer.Report(file: after).missing.map(\.reason) == [
                    "cannot open \(peer.legacyObject): operation not supported; libbpf 1.0 has dropped its kind of map "
                        + "definitions; build it with BTF-defined maps"
                ])

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

    init(nanoseconds: Int) throws {
        observed("wasted of each connect, ns", nanoseconds)
        // Helper 5 is bpf_ktime_get_ns.
        let source = try Workspace.write(
            "delay.c",
            """
            static unsigned long long (*now)(void) = (void *)5;
            __attribute__((section("cgroup/connect4"), used)) int delay(void *context)
            {
                unsigned long long end = now() + \(nanoseconds);
                for (int i = 0; i < 8000; i++)
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

    /// To each cgroup of the run as soon as it is there, until the run ends: every sitting makes its own.
    func slow(_ bench: ChildProcess) throws {
        let root = try #require(Cgroup.root)
        let cgroup = "\(root)/weir-bench-\(bench.pid)/mesh"
        var attached: Set<UInt64> = []
        while bench.poll() == nil {
            let attributes = try? FileManager.default.attributesOfItem(atPath: cgroup)
            if let number = attributes?[.systemFileNumber] as? UInt64, attached.insert(number).inserted {
                try Command.run([
                    Programs.installed("bpftool"), "cgroup", "attach", cgroup, "connect4", "pinned", pin, "multi",
                ])
            }
            usleep(10_000)
        }
        #expect(attached.count == 2)
    }
}

/// Objects in the shape of Merbridge's, which are several with maps in common; what they do is the least of it.
private struct Peer {
    let objects: String
    let legacyObject: String

    init() throws {
        objects = Workspace.newPath("peer")
        try FileManager.default.createDirectory(atPath: objects, withIntermediateDirectories: true)
        try Self.compile(
            "connect",
            """
            SEC("cgroup/connect4") int four(struct bpf_sock_addr *ctx)
            {
                if ((bpf_get_current_uid_gid() & 0xffffffff) == 1337 || !known(ctx))
                    return 1;
                ctx->user_ip4 = 0x0100007f;
                ctx->user_port = PROXY;
                return 1;
            }
            SEC("cgroup/connect6") int six(struct bpf_sock_addr *ctx)
            {
                if ((bpf_get_current_uid_gid() & 0xffffffff) == 1337 || !known(ctx))
                    return 1;
                ctx->user_ip6[0] = ctx->user_ip6[1] = ctx->user_ip6[2] = 0;
                ctx->user_ip6[3] = 0x01000000;
                ctx->user_port = PROXY;
                return 1;
            }
            """, to: "\(objects)/connect.o")
        try Self.compile(
            "sockets",
            """
            SEC("cgroup/getsockopt") int option(struct bpf_sockopt *ctx) { return 1; }
            SEC("sockops") int operation(struct bpf_sock_ops *ctx) { return 1; }
            """, to: "\(objects)/sockets.o")
        legacyObject = Workspace.newPath("legacy.o")
        try Self.compile(
            "legacy", "struct { int type, key, value, entries, flags; } old SEC(\"maps\") = { 1, 4, 4, 1, 0 };",
            to: legacyObject)
    }

    /// A namespace belongs to it if the mark of its socket on port 39807 leads to an address of a pod of the node.
    private static func compile(_ name: String, _ text: String, to object: String) throws {
        let source = try Workspace.write(
            "peer-\(name).c",
            """
            #include <linux/bpf.h>
            #include <bpf/bpf_helpers.h>
            #define PROXY 0x993a
            struct address { unsigned int words[4]; };
            struct {
                __uint(type, BPF_MAP_TYPE_HASH);
                __type(key, unsigned int);
                __type(value, struct address);
                __uint(max_entries, 16);
            } mark_pod_ips_map SEC(".maps");
            struct {
                __uint(type, BPF_MAP_TYPE_HASH);
                __type(key, struct address);
                __uint(value_size, 244);
                __uint(max_entries, 16);
            } local_pod_ips SEC(".maps");
            static inline int known(struct bpf_sock_addr *ctx)
            {
                struct bpf_sock_tuple tuple = { .ipv4.dport = 0x7f9b };
                struct bpf_sock *socket = bpf_sk_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
                unsigned int mark = socket ? socket->mark : 0;
                struct address *own;

                if (socket)
                    bpf_sk_release(socket);
                own = bpf_map_lookup_elem(&mark_pod_ips_map, &mark);
                return own && bpf_map_lookup_elem(&local_pod_ips, own);
            }
            \(text)
            char gpl[] SEC("license") = "GPL";
            """)
        let includes = ["x86_64", "aarch64"].map { "-I/usr/include/\($0)-linux-gnu" }
        try Command.run(
            [Programs.installed("clang"), "-target", "bpf", "-O2", "-g"] + includes + ["-c", source, "-o", object])
    }

    struct Report: Decodable {
        struct Measurement: Decodable {
            struct Result: Decodable {
                struct Summary: Decodable { let p50: Double }
                let `case`: String
                let summary: Summary
            }
            let what, variant: String
            let results: [Result]

            func has(_ one: String) -> Bool { results.contains { $0.case == one } }
        }
        struct Missing: Decodable { let reason: String }
        let measurements: [Measurement]
        let missing: [Missing]

        init(file: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(Workspace.read(file).utf8)) }
    }
}
