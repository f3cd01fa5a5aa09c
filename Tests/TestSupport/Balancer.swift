import Foundation

/// A load balancer of somebody else's at the hooks of a cgroup: `service` is an address that `backend` answers for.
public final class Balancer: Sendable {
    /// As `Family.destination` has them.
    public static let service = 200
    public static let backend = 201
    /// The names of its programs at the hooks of Weir's, by hook as `bpftool cgroup` calls it.
    private static let hooks = [
        "connect4": "connect4", "connect6": "connect6", "sendmsg4": "sendmsg4", "sendmsg6": "sendmsg6",
        "recvmsg4": "recvmsg4", "recvmsg6": "recvmsg6", "getpeername4": "getpeername4",
        "getpeername6": "getpeername6", "sock_ops": "sockops",
    ]

    private let cgroup: String
    private let pins = "/sys/fs/bpf/\(Workspace.ownPrefix)\(Workspace.nextNumber())-balancer"

    /// Attaches it behind what the cgroup has already. It stays below that cgroup, whose end ends it.
    public init(at cgroup: String) throws {
        self.cgroup = cgroup
        let object = Workspace.newPath("balancer.o")
        let addresses = [
            "SERVICE4": 0xc633_6400 + Self.service, "BACKEND4": 0xc633_6400 + Self.backend,
            "SERVICE6": Self.service, "BACKEND6": Self.backend,
        ]
        try Command.run(
            ["clang", "-target", "bpf", "-O2", "-g", "-c", try Workspace.fixture("balancer.c"), "-o", object]
                + addresses.map { "-D\($0)=\($1)u" } + Self.includes)
        try Command.run(["bpftool", "prog", "loadall", object, pins])
        for (hook, program) in Self.hooks {
            try Command.run([
                "bpftool", "cgroup", "attach", cgroup, hook, "pinned", "\(pins)/balance_\(program)", "multi",
            ])
        }
    }

    deinit {
        for (hook, program) in Self.hooks {
            _ = try? Command.run([
                "bpftool", "cgroup", "detach", cgroup, hook, "pinned", "\(pins)/balance_\(program)",
            ])
        }
        try? FileManager.default.removeItem(atPath: pins)
    }

    /// Debian's folder of the machine's own headers, which a BPF target does not look into.
    private static var includes: [String] {
        #if arch(arm64)
            ["-I/usr/include/aarch64-linux-gnu"]
        #else
            ["-I/usr/include/x86_64-linux-gnu"]
        #endif
    }
}
