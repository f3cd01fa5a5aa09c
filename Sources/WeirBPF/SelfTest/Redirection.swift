import CWeirBPF
import Glibc

/// The self-test's program in the kernel, and `weir_queue`, with maps of sockets of their own; gone with this value.
struct Redirection: ~Copyable {
    private let object: Object
    private let sockets: Map
    private let queues: Map
    private let switching: Map

    init() throws(BPFError) {
        let object = try Object()
        object.select { $0 == Object.selfTest || $0 == ShortCut.queue }
        try object.load()
        let sockets = try object.map("weir_probes")
        let switching = try object.map("weir_probe_on")
        try check(
            bpf_prog_attach(object.program(Object.selfTest) ?? -1, sockets.raw, BPF_SK_MSG_VERDICT, 0), "attach",
            "\(Object.selfTest) to its sockets",
            advice: "the short cut needs Linux 4.18 with CONFIG_BPF_STREAM_PARSER")
        try ShortCut.attach(object)
        queues = try object.map(ShortCut.queues)
        self.object = object
        self.sockets = sockets
        self.switching = switching
    }

    /// Whether what members send is redirected from now on.
    func turn(on: Bool) throws(BPFError) {
        try switching.set(UInt32(0), to: UInt32(on ? 1 : 0))
    }

    /// Both ends become members; they leave when they are closed.
    func join(_ pair: borrowing SocketPair, as role: SocketRole) throws(BPFError) {
        for (end, peer) in [(pair.writer, pair.reader), (pair.reader, pair.writer)] {
            let key = UInt32(SocketPair.port(of: end)) << 16 | UInt32(SocketPair.port(of: peer))
            try sockets.set(key, to: UInt64(end))
        }
        if role == .queued { try queues.set(UInt64(pair.reader), to: UInt64(pair.reader)) }
        try turn(on: role != .member)
    }
}
