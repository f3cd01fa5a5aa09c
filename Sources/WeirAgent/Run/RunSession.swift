import CWeirABI
import Glibc
import Logging
import UnixSignals
public import WeirBPF
public import WeirCore
import WeirProxy

/// `weir run`: one command with its traffic intercepted. The programs, the cgroup and, without a proxy of the user's,
/// the fallback proxy live as long as the session; nothing is pinned, so nothing is left when it is killed.
public actor RunSession {
    public struct Options: Sendable {
        public var command: [String]
        /// Where the user's proxy listens; nil for Weir's own.
        public var proxy: Endpoint?
        public var mesh: Profile?
        public var dns: Endpoint?
        /// Whom the command runs as; nil for the caller.
        public var uid: UInt32?
        public var gid: UInt32?
        /// Told what the command will meet, a sentence each without a full stop.
        public var warn: @Sendable (String) -> Void = { _ in }

        public init(command: [String]) {
            self.command = command
        }
    }

    private let options: Options
    private let interceptor: Interceptor
    private let reader: FlowReader
    private let namespace: NetworkNamespace
    private var flows = FlowTally()

    public init(_ options: Options) throws(BPFError) {
        self.options = options
        interceptor = try Interceptor.loadPrivately()
        reader = try FlowReader(interceptor.maps)
        namespace = try NetworkNamespace.current()
    }

    /// Runs the command to its end.
    /// - Parameter launcher: the path of this executable, which starts the command inside its cgroup.
    public func run(launcher: String) async throws -> RunSummary {
        let proxy = options.proxy == nil && options.mesh == nil ? try await FallbackProxy.start(.init()) : nil
        do {
            let summary = try await run(launcher, fallbackPort: proxy?.port)
            await proxy?.stop()
            return summary
        } catch {
            await proxy?.stop()
            throw error
        }
    }

    private func run(_ launcher: String, fallbackPort: UInt16?) async throws -> RunSummary {
        _ = RunLeftovers.remove()
        let cgroup = try WorkloadCgroup(name: "weir-run-\(getpid())")
        let watch = try CgroupWatch(cgroup.path, launcher: launcher)
        defer { withExtendedLifetime(watch) {} }
        do {
            try register(cgroup.id, specification(fallbackPort))
            let status = try await wait(for: Child(arguments(launcher, cgroup.path)))
            let ended = cgroup.remove()
            try await settle()
            return RunSummary(
                command: options.command.first ?? "", status: status, endedProcesses: ended,
                counters: try interceptor.maps.readCounters(), flows: flows)
        } catch {
            cgroup.remove()
            throw error
        }
    }

    private func register(_ cgroup: UInt64, _ specification: PolicySpecification) throws {
        let table = try WorkloadTable(interceptor)
        let policy = try PolicyCompiler.compile(specification)
        try RouteTable(namespace, interceptor.maps).synchronize(namespace)
        try table.register(
            .cgroup(cgroup), name: "weir run", policy: policy, whenProxyDown: WEIR_DOWN_REFUSE, followPassed: true)
        let ports = try ProxyPort.look(at: policy.targets, in: namespace, steeredBy: nil)
        let health = ProxyHealth(ports: ports, whenProxyDown: WhenProxyDown.refuse.word)
        for fault in health.faults { options.warn(fault) }
    }

    private func specification(_ fallbackPort: UInt16?) -> PolicySpecification {
        var specification = options.mesh?.defaults ?? PolicySpecification(dialect: .custom)
        // The proxy is outside the cgroup, so no identity inside it is the proxy's.
        specification.proxyUIDs = []
        specification.proxyGIDs = []
        specification.inboundEnabled = false
        specification.inboundPort = nil
        if let proxy = options.proxy {
            specification.listen(on: proxy)
        } else if let fallbackPort {
            specification.outboundPort = fallbackPort
        }
        if let dns = options.dns {
            specification.dnsPort = dns.port
            specification.dns = .all
            specification.listenForDNS(on: dns.address)
        }
        return specification
    }

    private func arguments(_ launcher: String, _ cgroup: String) -> [String] {
        var arguments = [launcher, "exec-in-cgroup", cgroup]
        if let uid = options.uid { arguments += ["--uid", "\(uid)"] }
        if let gid = options.gid { arguments += ["--gid", "\(gid)"] }
        return arguments + ["--"] + options.command
    }

    /// Waits for the command, reading flow records meanwhile.
    private func wait(for child: Child) async throws -> Int32 {
        let reading = Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(200))
                try? collect()
            }
        }
        // SIGTERM is for the command; the summary follows its end.
        let ending = Task {
            for await _ in await UnixSignalsSequence(trapping: .sigterm) { child.signal(SIGTERM) }
        }
        defer {
            reading.cancel()
            ending.cancel()
        }
        return try await child.status()
    }

    private func collect() throws(BPFError) {
        for flow in try reader.drain().compactMap(FlowRecord.init) { flows.add(flow) }
    }

    /// Connections of a process that has ended close a moment later, when the proxy has seen it: reads on until there is a
    /// record of each that was redirected, and nothing more comes. A peer that does not close is not waited for.
    private func settle() async throws {
        let end = ContinuousClock.now + .seconds(2)
        var seen = -1
        while try seen != flows.count || flows.redirected < redirectedConnections(), .now < end {
            seen = flows.count
            try? await Task.sleep(for: .milliseconds(30))
            try collect()
        }
    }

    /// Those that are counted, and will have a record.
    private func redirectedConnections() throws(BPFError) -> UInt64 {
        try interceptor.maps.readCounters().reduce(0) { sum, row in
            let isRefused = row.verdict == .refuse && row.reason != .proxyDownRefused
            let isRedirected = row.transport == "tcp" && row.verdict != .direct && !isRefused
            return sum + (isRedirected ? row.connections : 0)
        }
    }
}
