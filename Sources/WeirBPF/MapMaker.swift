import CWeirABI
import CWeirBPF
import Glibc

/// Makes an installation's maps in a process of its own, outside of the caller's memory cgroup. The kernel charges what a
/// map holds, the storage of every pod's sockets included, to the memory cgroup of whoever made it (bpf_map_save_memcg),
/// and not to the pod's: an agent that had made them would meet its limit by what pods do, and again at each start.
public enum MapMaker {
    /// The command of the process.
    public static let command = "make-maps"

    /// What the process does: makes the maps and pins them.
    public static func run(_ directory: String) throws(BPFError) {
        try joinRoot()
        let object = try Object()
        object.select { _ in false }
        try object.load()
        let pins = PinDirectory(path: directory)
        try pin(object, in: pins)
    }

    static func pin(_ object: borrowing Object, in pins: PinDirectory) throws(BPFError) {
        for name in Maps.names {
            let map = try object.map(name)
            try pins.pin(map.raw, "maps/\(name)")
        }
    }

    /// Has the process make them.
    /// - Parameter launcher: the path of this executable.
    static func make(_ pins: PinDirectory, launcher: String) throws(BPFError) {
        let words: [String] = [launcher, command, pins.path]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let error = posix_spawn(&process, launcher, nil, nil, &arguments, environ)
        if error != 0 { throw BPFError(code: error, operation: "start", subject: "\(launcher) \(command)") }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        if status != 0 {
            throw BPFError(code: ECHILD, operation: "make", subject: "the maps outside of this memory cgroup")
        }
    }

    private static func joinRoot() throws(BPFError) {
        guard let root = Host.memoryRoot() else { return }
        guard let file = fopen("\(root)/cgroup.procs", "we"), fputs("0", file) >= 0, fclose(file) == 0 else {
            throw BPFError(
                code: errno, operation: "join", subject: "the memory cgroup \(root)",
                advice: "let the agent write to the node's cgroups")
        }
    }
}
