public import WeirBPF
import WeirCore

/// Whether a workload's proxy listens where connections are sent to, and what becomes of them where it does not.
public struct ProxyHealth: Codable, Sendable, Hashable {
    /// Each port that the policy sends anything to, once for each family.
    public let ports: [ProxyPort]
    /// "refuse", "fallback" or "direct".
    public let whenProxyDown: String

    public init(ports: [ProxyPort], whenProxyDown: String) {
        self.ports = ports
        self.whenProxyDown = whenProxyDown
    }

    /// In one word: "yes", "partly", "no"; "unknown" where the kernel cannot be asked, "-" where nothing is sent to it.
    public var word: String {
        let used = ports.filter(\.isUsed)
        if used.isEmpty { return "-" }
        if used.contains(where: { $0.state == .unknown }) { return "unknown" }
        let faults = used.count(where: \.isFault)
        return faults == 0 ? "yes" : faults == used.count ? "no" : "partly"
    }

    /// A sentence for each port that connections go to in vain, without a full stop.
    public var faults: [String] {
        var seen: [String] = []
        for port in ports where port.isFault {
            let same = ports.filter {
                $0.isFault && ($0.use, $0.transport, $0.state) == (port.use, port.transport, port.state)
            }
            let families = same.map(\.family).joined(separator: " and ")
            let sentence = Self.sentence(port, families, consequence(of: port))
            if !seen.contains(sentence) { seen.append(sentence) }
        }
        return seen
    }

    /// Whether connections are refused for it. What goes on by another way is as the workload asks.
    public var isProblem: Bool {
        ports.contains { $0.isFault && ($0.state == .notSteerable || whenProxyDown == WhenProxyDown.refuse.word) }
    }

    private static func sentence(_ port: ProxyPort, _ families: String, _ consequence: String) -> String {
        let place = "\(port.transport.uppercased()) port \(port.port)"
        if port.state == .notSteerable {
            return "the kernel cannot steer connections to the proxy's listener on \(place) (\(families)), as with "
                + "one of MPTCP: inbound connections are refused"
        }
        return "the proxy does not listen on \(place) over \(families): \(consequence)"
    }

    private func consequence(of port: ProxyPort) -> String {
        let what = port.use == .dns ? "DNS queries" : "\(port.use.word) connections"
        switch WhenProxyDown(word: whenProxyDown) {
        // Weir's own proxy takes streams alone.
        case .fallback where port.transport == Transport.tcp.word: return "\(what) go through Weir's own proxy"
        case .fallback, .direct: return "\(what) pass it by"
        case .refuse, nil: return "\(what) are refused"
        }
    }

    /// The port that a connection goes to.
    func port(of verdict: Verdict, _ transport: Transport, isIPv4: Bool) -> ProxyPort? {
        ports.first {
            $0.use == verdict && $0.transport == transport.word && $0.family == (isIPv4 ? "IPv4" : "IPv6")
        }
    }
}

extension ProxyHealth {
    /// Looks now, for a workload of the maps.
    /// - Parameter namespace: the workload's own, or for a cgroup this process's.
    init(
        _ one: RegisteredWorkload, _ maps: Maps, in namespace: borrowing NetworkNamespace
    ) throws(BPFError) {
        let isSteered = if case .netns = one.key { !one.hasInboundRules } else { false }
        self.init(
            ports: try ProxyPort.look(
                at: try maps.targets(of: one.policy), in: namespace, steeredBy: isSteered ? maps : nil),
            whenProxyDown: one.whenProxyDown)
    }

    /// Looks now, for a workload that nftables intercepts.
    init(_ noted: NotedWorkload, in namespace: borrowing NetworkNamespace) throws {
        self.init(
            ports: try ProxyPort.look(
                at: try PolicyCompiler.compile(noted.workload.policy).targets, in: namespace, steeredBy: nil),
            whenProxyDown: noted.workload.whenProxyDown.word)
    }
}

/// Network namespaces by cookie, for commands that find no agent to ask.
struct Namespaces: ~Copyable {
    private let paths: [UInt64: String]

    init() {
        var paths: [UInt64: String] = [:]
        for path in NetworkNamespace.everywhere() {
            if let one = try? NetworkNamespace(path: path) { paths[one.cookie] = path }
        }
        self.paths = paths
    }

    /// The one that a workload's connections are made in; nil when it cannot be reached.
    func namespace(of key: WorkloadKey) -> NetworkNamespace? {
        switch key {
        case .cgroup: return try? NetworkNamespace.current()
        case .netns(let cookie):
            guard let path = paths[cookie], let found = try? NetworkNamespace(path: path), found.cookie == cookie
            else { return nil }
            return found
        }
    }
}
