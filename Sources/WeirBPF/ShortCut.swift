import CWeirABI
import CWeirBPF
import Glibc

/// The programs that pass messages from one socket of the node straight to another: `bpf/redirect.bpf.h`. Each is
/// attached to the map of the sockets it serves, and so lives as long as that.
public enum ShortCut {
    static let programs = ["weir_redirect", queue]

    /// Puts what comes through the stack behind what came past it.
    static let queue = "weir_queue"
    static let queues = "weir_queues"

    private static let hooks: [(program: String, map: String, type: bpf_attach_type)] = [
        ("weir_redirect", "weir_peers", BPF_SK_MSG_VERDICT), (queue, queues, BPF_SK_SKB_STREAM_VERDICT),
    ]

    /// Does nothing for an object that was loaded without the programs.
    static func attach(_ object: borrowing Object) throws(BPFError) {
        for hook in hooks {
            guard let program = object.program(hook.program) else { continue }
            let map = try object.map(hook.map)
            try check(
                bpf_prog_attach(program, map.raw, hook.type, 0), "attach", "\(hook.program) to \(hook.map)",
                advice: "the short cut needs Linux 5.8 with CONFIG_BPF_STREAM_PARSER")
        }
    }

    /// Attaches to its map what somebody has detached from it.
    static func restore(_ programs: [String: HeldProgram], _ maps: Maps, _ found: inout [Restoration]) {
        for hook in hooks {
            guard let program = programs["programs/\(hook.program)"] else { continue }
            let map = hook.program == queue ? maps.queues.raw : maps.peers.raw
            var (id, count, flags) = (UInt32(0), UInt32(1), UInt32(0))
            // Before Linux 5.16 a map cannot be asked.
            guard bpf_prog_query(map, hook.type, 0, &flags, &id, &count) == 0, count == 0 || id != program.id
            else { continue }
            found.attempt(.shortCut, "\(hook.program) was detached from \(hook.map)") { () throws(BPFError) in
                try check(bpf_prog_attach(program.descriptor.raw, map, hook.type, 0), "attach", hook.program)
            }
        }
    }

    /// Has the kernel verify the programs and attach them to maps of their own.
    /// - Throws: why this kernel has no short cut.
    public static func probe() throws(BPFError) {
        let object = try Object()
        object.select { programs.contains($0) || ForgottenWriters.programs.contains($0) }
        try object.load()
        try attach(object)
    }

    /// Sends every message of an installation's open connections through the stack.
    static func turnOff(_ pins: PinDirectory) throws(BPFError) {
        let pods = try pins.map("weir_pods")
        for cookie in try pods.walk(UInt64.self) {
            guard var workload: weir_workload = try pods.value(of: cookie) else { continue }
            workload.acceleration = 0
            try pods.set(cookie, to: workload)
        }
    }
}

extension Interceptor {
    /// Whether the installed programs have the short cut: the kernel may lack what it needs.
    public var hasShortCut: Bool {
        get throws(BPFError) {
            var program: UInt32 = 0
            var count: UInt32 = 1
            var flags: UInt32 = 0
            let error = bpf_prog_query(maps.peers.raw, BPF_SK_MSG_VERDICT, 0, &flags, &program, &count)
            if error == -EINVAL { return true }  // before Linux 5.16 a map cannot be asked
            try check(error, "ask for the programs of", "weir_peers")
            return count > 0
        }
    }
}
