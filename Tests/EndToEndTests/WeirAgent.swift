import Foundation
import TestSupport

/// `weir agent`, told of the pods by its configuration file, with pins and a socket of its own: a Weir that works on
/// this machine is not touched.
final class WeirAgent: Interceptor {
    private let agent: ChildProcess
    private let configuration: String
    private let pins: String
    private let lock = MachineLock(.shared)

    init(_ pods: [Pod], namedPods: Set<String> = []) throws {
        pins = "weir-test-\(getpid())"
        let socket = Workspace.newPath("weir.sock")
        let text = Self.configuration(pods, namedPods, pins: pins, socket: socket)
        configuration = try Workspace.write("weir.yaml", text)
        agent = try Weir.start(["agent", "--config", configuration])
        try agent.waitForLine("agent ready", in: .errors)
    }

    private static func configuration(_ pods: [Pod], _ namedPods: Set<String>, pins: String, socket: String) -> String {
        let workloads = pods.map { pod in
            """
              - name: \(pod.namespace.name)
                selector: {netns: \(pod.namespace.path)}
                mesh: istio
                dns: all
                whenProxyDown: refuse
                originFrom: \(namedPods.contains(pod.namespace.name) ? "getsockname" : "getsockopt")

            """
        }
        return """
            mechanism: ebpf
            agent: {pins: \(pins), socket: \(socket), listen: "127.0.0.1:15998"}
            workloads:
            \(workloads.joined())
            """
    }

    /// The handshakes in flight: what is known of an established connection lives and dies with its sockets.
    func rememberedConnections() throws -> Int {
        let dump = try Command.run(["bpftool", "-j", "map", "dump", "pinned", "/sys/fs/bpf/\(pins)/maps/weir_origins"])
        return (try JSONSerialization.jsonObject(with: Data(dump.utf8)) as? [Any])?.count ?? -1
    }

    func stop() throws {
        agent.stop()
        let result = try Weir.run(["unload", "--config", configuration])
        guard result.status == 0 else { throw TestError("weir unload failed", output: result.output + result.errors) }
        guard access("/sys/fs/bpf/\(pins)", F_OK) != 0 else { throw TestError("weir unload left /sys/fs/bpf/\(pins)") }
    }

    /// A test that failed half-way must not leave programs on the machine's root cgroup.
    deinit {
        if access("/sys/fs/bpf/\(pins)", F_OK) == 0 {
            agent.stop()
            _ = try? Weir.run(["unload", "--config", configuration])
        }
    }
}
