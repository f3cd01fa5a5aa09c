import Foundation
import TestSupport
import Testing

extension Commands {
    /// A node that is not as it should be.
    @Suite struct Nodes {
        @Test(arguments: [["load"], ["agent"], ["unload"], ["run", "--", "true"]])
        func notRoot(_ command: [String]) throws {
            let weir = try Installation()
            let options = command[0] == "run" ? [] : ["--config", weir.file]
            let result = try Weir.run([command[0]] + options + command.dropFirst(), in: Place(uid: 1000, gid: 1000))
            let what = ["unload": "unload", "run": "load BPF programs"][command[0]] ?? "intercept traffic"
            expect(result, 2, "weir: cannot \(what) as uid 1000: operation not permitted; run as root: sudo weir …")
            #expect(weir.isGone)
        }

        @Test(arguments: [["workloads"], ["stats"], ["flows"], ["explain", "shop", "192.0.2.1:80"]])
        func notRootReading(_ command: [String]) throws {
            let weir = try Installation()
            expect(
                try weir.run(command, in: Place(uid: 1000, gid: 1000)), 2,
                "weir: cannot read Weir's maps as uid 1000: operation not permitted; run as root: sudo weir …")
        }

        /// Whoever may not look must not say that there is nothing.
        @Test func statusForOthersThanRoot() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let weir = try Installation()
            try weir.load()
            expect(
                try weir.run(["status"], in: Place(uid: 1000, gid: 1000)), 2,
                "weir: cannot read Weir's state as uid 1000: operation not permitted; run as root: sudo weir …")
            try weir.succeed(["unload"])
        }

        /// A workload whose namespace has gone, found by each mechanism.
        @Test(arguments: ["ebpf", "nftables"])
        func aNamespaceThatIsGone(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            var namespace: Namespace? = try Namespace()
            let path = try #require(namespace?.path)
            let weir = try Installation(
                ["{name: shop, selector: {netns: \(path)}, mesh: istio}"], mechanism: mechanism)
            try weir.load()
            let arguments = ["check", "--category", "workloads"]
            #expect(try weir.run(arguments).output.contains("√ workload shop is intercepted\n"))
            namespace = nil
            let output = Eventually.value { () -> String? in
                guard let result = try? weir.run(arguments), result.status == 1 else { return nil }
                return result.output
            }
            let gone = "× workload shop is intercepted\n    its network namespace is gone; make it anew"
            #expect(output?.contains(gone) == true, "\(output ?? "nothing wrong")")
            try weir.succeed(["unload"])
        }

        /// That the kernel breaks splice for receivers is a warning: the node is fine.
        @Test func accelerationIsTested() throws {
            let weir = try Installation()
            let result = try weir.run(["check", "--category", "acceleration"])
            #expect(result.status == 0)
            #expect(result.output.contains("√ the short cut may be used: proxies receive\n"), "\(result.output)")
            #expect(result.output.contains("    nothing is redirected to applications on this kernel\n"))
            #expect(result.output.contains("splice moves nothing"))
            #expect(result.output.contains(" for receivers\n"))
            let other = try weir.run(
                ["check", "--category", "acceleration"], in: Place(uid: 1000, gid: 1000))
            #expect(other.status == 2)
            #expect(other.output.contains("run as root: sudo weir check"))
        }

        @Test(arguments: [["load"], ["agent"]])
        func noTypes(_ command: [String]) throws {
            try leavingNothing {
                let weir = try Installation()
                let result = try runWithMounts(
                    "mount -t tmpfs none /sys/kernel/btf", command + ["--config", weir.file])
                expect(
                    result, 2,
                    "weir: cannot read the kernel's types at /sys/kernel/btf/vmlinux: no such file or directory; the "
                        + "kernel has no BTF: boot one built with CONFIG_DEBUG_INFO_BTF=y (Debian's and Ubuntu's are)")
            }
        }

        @Test(arguments: [["load"], ["agent"]])
        func noCgroups(_ command: [String]) throws {
            let root = try #require(Cgroup.root)
            try leavingNothing {
                let weir = try Installation()
                let result = try runWithMounts("umount -l \(root)", command + ["--config", weir.file])
                expect(
                    result, 2,
                    "weir: cannot find a cgroup v2 mount: no such file or directory; mount it: mkdir -p "
                        + "/sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified")
                #expect(weir.isGone)
            }
        }

        /// A hybrid host has version 2 below version 1's mounts: it is found wherever it is.
        @Test func cgroupsElsewhere() throws {
            let root = try #require(Cgroup.root)
            let elsewhere = Workspace.newPath("cgroup2")
            try leavingNothing {
                let weir = try Installation()
                let move = "mkdir \(elsewhere) && mount -t cgroup2 none \(elsewhere) && umount -l \(root)"
                let result = try runWithMounts(move, ["load", "--config", weir.file])
                #expect(result.status == 0, "\(result.errors)")
                try weir.succeed(["unload"])
            }
        }

        /// A container with a cgroup namespace of its own mounts its own cgroup, which is not the hierarchy. The node's,
        /// mounted beside it, is.
        @Test(arguments: [true, false]) func containersOwnCgroup(isNodesHidden: Bool) throws {
            let root = try #require(Cgroup.root)
            let own = Workspace.newPath("own-cgroup")
            let binary = try Programs.weir.get()
            try leavingNothing {
                let weir = try Installation()
                let cgroup = try Cgroup()
                let inside = """
                    mkdir \(own) && mount -t cgroup2 none \(own) && \(isNodesHidden ? "umount -l \(root)" : "true") &&
                    exec \(binary) load --config \(weir.file)
                    """
                let result = try Command.output([
                    "sh", "-c", "echo $$ >\(cgroup.path)/cgroup.procs && exec unshare -C -m sh -c \"$0\"", inside,
                ])
                #expect(result.status == (isNodesHidden ? 2 : 0), "\(result.errors)")
                #expect(result.errors.contains("cannot find a cgroup v2 mount") == isNodesHidden)
                #expect(weir.isGone == isNodesHidden)
                try weir.succeed(["unload"])
            }
        }

        /// It is mounted, and said so.
        @Test func noBPFFileSystem() throws {
            try leavingNothing {
                let weir = try Installation()
                let binary = try Programs.weir.get()
                let script = """
                    umount -l /sys/fs/bpf
                    for command in load status unload; do "\(binary)" $command --config "\(weir.file)" || exit 1; done
                    """
                let result = try Command.output(["unshare", "-m", "sh", "-c", script])
                #expect(result.status == 0)
                #expect(result.errors == "")
                let lines = result.output.split(separator: "\n").map(String.init)
                #expect(lines.first == "mounted the BPF file system at /sys/fs/bpf")
                #expect(lines.dropFirst().first == "loaded; 0 workloads are intercepted (weir status shows them)")
                #expect(lines.last == "unloaded: 12 programs detached")
            }
        }

        /// A program at the root that lets no other beside it.
        @Test func anotherProgramAtOurHook() throws {
            let root = try #require(Cgroup.root)
            try leavingNothing {
                let weir = try Installation()
                let foreign = try ForeignProgram(at: root)
                defer { withExtendedLifetime(foreign) {} }
                expect(
                    try weir.run(["load"]), 2,
                    "weir: cannot attach weir_connect4 to the cgroup \(root): operation not permitted; another program "
                        + "holds this hook without BPF_F_ALLOW_MULTI; `weir check --category foreign` names it")
                #expect(weir.isGone)
                let check = try weir.run(["check", "--category", "foreign"])
                #expect(check.output.contains("foreign_connect"))
                #expect(check.output.contains("is attached at connect4"))
                #expect(check.status == 1, "weir check passes where weir load cannot work")
                foreign.remove()
                #expect(try weir.run(["load"]).status == 0)
                try weir.succeed(["unload"])
            }
        }
    }
}

/// A program of somebody else's at a cgroup's connect4 hook, attached without BPF_F_ALLOW_MULTI.
private final class ForeignProgram {
    private let root: String
    private let pin = "/sys/fs/bpf/\(Workspace.ownPrefix)foreign"
    private var isAttached = false

    init(at root: String) throws {
        self.root = root
        let source = try Workspace.write(
            "foreign.c",
            """
            __attribute__((section("cgroup/connect4"), used)) int foreign_connect4(void *ctx) { return 1; }
            char _license[] __attribute__((section("license"), used)) = "GPL";

            """)
        let object = Workspace.newPath("foreign.o")
        try Command.run(["clang", "-target", "bpf", "-O2", "-c", source, "-o", object])
        try Command.run(["bpftool", "prog", "load", object, pin])
        // Another test process's programs may be there for a while.
        let attached = try Eventually.value {
            try Command.output(["bpftool", "cgroup", "attach", root, "connect4", "pinned", pin]).status == 0
                ? true : nil
        }
        isAttached = attached == true
        if !isAttached { throw TestError("the hook is in use: nothing can be attached without BPF_F_ALLOW_MULTI") }
    }

    deinit { remove() }

    func remove() {
        if isAttached { _ = try? Command.run(["bpftool", "cgroup", "detach", root, "connect4", "pinned", pin]) }
        isAttached = false
        unlink(pin)
    }
}
