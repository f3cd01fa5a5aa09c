import Foundation

/// An installation of Weir with pins, a socket and a port of its own, so that a Weir that works on this machine is not
/// touched. What its workloads are, each test says. It is unloaded with this object at the latest.
public final class Installation: Sendable {
    public let pins: String
    public let socket: String
    /// Path of the configuration file.
    public let file: String

    /// The port of the agent's metrics, on 127.0.0.1.
    public let listen: Int

    /// - Parameters:
    ///   - workloads: YAML, an element of the list each.
    ///   - mechanism: the node's.
    public init(_ workloads: [String] = [], mechanism: String = "ebpf") throws {
        let number = Workspace.nextNumber()
        pins = "\(Workspace.ownPrefix)\(number)"
        socket = Workspace.newPath("weir.sock")
        file = try Workspace.write("weir.yaml")
        listen = try Self.freePort()
        try configure(workloads, mechanism: mechanism)
    }

    deinit {
        if !isGone { _ = try? unload() }
    }

    /// Whether nothing of it is in the BPF file system, nor written down in /run/weir-state.
    public var isGone: Bool {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/sys/fs/bpf")) ?? []
        let hasRules = access("/run/weir-state/\(pins)", F_OK) == 0
        return !hasRules && !names.contains { $0.hasPrefix(pins) }
    }

    /// Writes the configuration as editors do: a new file in the old one's place.
    /// - Parameter agent: more of the agent's settings, such as "unloadOnStop: true".
    /// - Parameter kubernetes: where the agent asks for the pods of a node "node-1"; nil: it takes none.
    /// - Parameter mechanism: the node's.
    public func configure(
        _ workloads: [String], mechanism: String = "ebpf", acceleration: String = "off", agent: String = "",
        kubernetes: FakeAPIServer? = nil
    ) throws {
        let pods = try kubernetes.map {
            ", kubernetes: {enabled: true, node: node-1, kubeconfig: \(try $0.kubeconfig())}"
        }
        let list = workloads.map { element in
            "  - " + element.split(separator: "\n").joined(separator: "\n    ") + "\n"
        }
        let text = """
            mechanism: \(mechanism)
            agent: {pins: \(pins), socket: \(socket), listen: "127.0.0.1:\(listen)"\(pods ?? ""), \(agent)}
            workloads:\(workloads.isEmpty ? " []" : "")
            \(list.joined())
            acceleration: "\(acceleration)"
            """
        try write(text)
    }

    /// The same with any text, wrong ones too.
    public func write(_ text: String) throws {
        let new = try Workspace.write("weir.yaml", text)
        guard rename(new, file) == 0 else { throw TestError("rename \(new): \(String(cString: strerror(errno)))") }
    }

    /// Starts an agent and waits until it says that it is ready.
    public func startAgent(in place: Place = .here) throws -> ChildProcess {
        let agent = try Weir.start(["agent", "--config", file], in: place)
        try agent.waitForLine("agent ready", in: .errors)
        return agent
    }

    /// Runs a command with this installation's configuration.
    public func run(_ arguments: [String], in place: Place = .here) throws -> ChildProcess.Output {
        try Weir.run(arguments + ["--config", file], in: place)
    }

    /// Runs one that has to succeed.
    @discardableResult
    public func succeed(_ arguments: [String], in place: Place = .here) throws -> String {
        let result = try run(arguments, in: place)
        guard result.status == 0 else {
            throw TestError("weir \(arguments.joined(separator: " ")) failed", output: result.output + result.errors)
        }
        return result.output
    }

    public func load(in place: Place = .here) throws { try succeed(["load"], in: place) }

    @discardableResult
    public func unload() throws -> ChildProcess.Output { try run(["unload"]) }

    /// What `weir workloads` says, by name.
    public func workloads() throws -> [String: Int] {
        struct List: Decodable {
            struct Workload: Decodable {
                let id: Int
                let name: String
            }
            let workloads: [Workload]
        }
        let list = try Weir.read(List.self, ["workloads", "--config", file])
        return Dictionary(list.workloads.map { ($0.name, $0.id) }, uniquingKeysWith: { first, _ in first })
    }

    /// One row of `weir stats`.
    public struct Counter: Decodable, Sendable, Hashable {
        public let direction, verdict, reason, transport: String
        public let connections, failed, sentBytes, receivedBytes: Int
    }

    public func counters(of workload: String) throws -> [Counter] {
        struct Report: Decodable {
            struct Row: Decodable {
                let workload: String
                let counter: Counter
            }
            let rows: [Row]
        }
        let report = try Weir.read(Report.self, ["stats", "--config", file])
        return report.rows.filter { $0.workload == workload }.map(\.counter)
    }

    /// How many connections of a workload were decided for this reason.
    public func connections(of workload: String, _ reason: String) throws -> Int {
        try counters(of: workload).filter { $0.reason == reason }.reduce(0) { $0 + $1.connections }
    }

    /// One record of `weir flows`.
    public struct Flow: Decodable, Sendable {
        public let workload: Int
        public let direction, verdict, reason, source, destination, target: String
        public let end: String
        public let sentBytes, receivedBytes: Int?
        public let startedAt: Double
        public let duration: Double?

        public var established: Bool { end == "closed" }
    }

    public func flows() throws -> [Flow] {
        try succeed(["flows", "-o", "json"]).split(separator: "\n").map {
            try JSONDecoder().decode(Flow.self, from: Data($0.utf8))
        }
    }

    /// Below the ports that the kernel gives to whoever asks for any (ip_local_port_range): nobody gets it by chance
    /// before the agent listens.
    private static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = UInt16.random(in: 16_000..<32_000)
            if isFree(port) { return Int(port) }
        }
        throw TestError("no free port: \(String(cString: strerror(errno)))")
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let raw = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(raw) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
