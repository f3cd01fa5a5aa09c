/// What the one configuration file says, with the defaults filled in.
public struct Configuration: Hashable, Sendable {
    public var mechanism = Mechanism.auto
    public var acceleration = Acceleration.off
    /// Redirected bytes that a socket may have unread before messages to it take the stack.
    public var accelerationBudget = 256 << 10
    public var agent = Agent()
    public var log = Log()
    public var proxy = Proxy()
    public var workloads: [Workload] = []

    /// The line of the file (from 1) for each key that is in it, by path: "agent.socket", "workloads[0].dns".
    public internal(set) var lines: [String: Int] = [:]

    /// Whether the file has a list of workloads, if an empty one. One that was cut short may have lost it.
    public internal(set) var hasWorkloadList = false

    public init() {}

    public struct Agent: Hashable, Sendable {
        /// Path of the admin API's unix socket.
        public var socket = "/run/weir/weir.sock"
        /// Where metrics and health answer.
        public var listen = Endpoint(address: .loopback4, port: 15999)
        /// Where the BPF file system is mounted.
        public var bpffs = "/sys/fs/bpf"
        /// The directory for pins below it.
        public var pins = "weir"
        /// The cgroup v2 directory that the programs are attached to when they are installed, absolute; only sockets
        /// made below it are seen. Nil: the root.
        public var cgroup: String?
        /// Whether the agent removes everything when it ends, as `weir unload` does.
        public var unloadOnStop = false
        public var cni = CNI()
        public var kubernetes = Kubernetes()

        public init() {}
    }

    public struct Log: Hashable, Sendable {
        public var format = Format.text
        public var level = Level.info

        public init() {}

        public enum Format: String, Hashable, Sendable, CaseIterable {
            case text, json
        }

        /// The levels of swift-log.
        public enum Level: String, Hashable, Sendable, CaseIterable {
            case trace, debug, info, notice, warning, error, critical
        }
    }

    /// Weir's own proxy.
    public struct Proxy: Hashable, Sendable {
        public var connectTimeout = Duration.seconds(10)
        /// How long a connection may pass no byte in either direction.
        public var idleTimeout = Duration.seconds(3600)
        /// Open at once; what is more waits to be taken.
        public var maxConnections = Self.standardConnections
        public static let standardConnections = 10_000
        /// What `maxConnections` may be.
        public static let connections = 1...1_000_000

        public init() {}
    }
}
