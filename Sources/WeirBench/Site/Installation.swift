import Dispatch
import Logging
import Synchronization
import WeirAgent
import WeirBPF
import WeirCore
import WeirNFT

/// A Weir of the run's own: its pins have the run's name, and its programs are attached to the run's cgroup only, so
/// that a Weir that works on this node, and everything else on it, is not touched.
final class BenchInstallation {
    static func pins(_ name: String) -> PinDirectory { PinDirectory(path: "\(Names.bpffs)/\(name)") }

    private let node: Node
    private let cgroup: String
    private var workloads: [String: Workload] = [:]

    /// - Parameter cgroup: path of the cgroup whose processes meet the programs.
    /// - Throws: when the kernel does not take the programs.
    init(at cgroup: String) throws {
        try Host.require()
        try Interceptor.verify()
        self.cgroup = cgroup
        node = Node(
            Self.pins(Names.own), logger: Logger(label: "weir.bench") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Adds workloads or changes those of the same name.
    func set(_ changed: [Workload]) throws {
        for workload in changed { workloads[workload.name] = workload }
        try apply()
    }

    func remove(_ names: [String]) throws {
        for name in names { workloads[name] = nil }
        try apply()
    }

    private func apply() throws {
        var configuration = Configuration()
        configuration.agent.pins = Names.own
        configuration.agent.cgroup = cgroup
        configuration.mechanism = .ebpf
        configuration.workloads = workloads.values.sorted { $0.name < $1.name }
        try Self.wait { [node, configuration] in try await node.apply(configuration, watching: false) }
    }

    /// Removes what a run with this name has installed, also one that was killed.
    static func remove(_ name: String) {
        let pins = pins(name)
        Interceptor.uninstall(pins)
        _ = try? NFTMechanism(pins).removeAll()
    }

    /// The run is one thread, which waits; the node is an actor.
    private static func wait(_ body: @escaping @Sendable () async throws -> Void) throws {
        let done = DispatchSemaphore(value: 0)
        let failure = Mutex<(any Error)?>(nil)
        Task.detached {
            do { try await body() } catch { failure.withLock { $0 = error } }
            done.signal()
        }
        done.wait()
        if let error = failure.withLock({ $0 }) { throw error }
    }
}
