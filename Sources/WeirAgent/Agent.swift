import Glibc
public import Logging
import Synchronization
import UnixSignals
import WeirBPF
import WeirCNI
import WeirCore
import WeirProxy

/// The node agent. This file is the whole order in which it starts and stops.
public actor Agent {
    private let file: String?
    private let pins: PinDirectory
    let logger: Logger
    let node: Node
    let pods: PodKeeper?
    private let hub = FlowHub()
    private let accessLog: AccessLog
    private let startedAt = Agent.now()
    /// Until this process ends.
    private let lock: InstallationLock
    private let pluginProblem = Mutex<String?>(nil)
    private let stopKeepingPlugin = StopSignal()
    private var pluginKeeper: Task<Void, Never>?
    private var configuration: Configuration
    private var configurationProblem: String?
    private var seen: FileIdentity?

    /// - Parameter file: path of the configuration, read again on SIGHUP and when it changes.
    public init(file: String?, logger: Logger) throws {
        self.file = file
        self.logger = logger
        seen = file.flatMap(FileIdentity.init)
        let configuration = try file.map(ConfigurationFile.read) ?? Configuration()
        self.configuration = configuration
        accessLog = AccessLog(descriptor: STDERR_FILENO, format: configuration.log.format == .json ? .json : .text)
        pins = PinDirectory(path: "\(configuration.agent.bpffs)/\(configuration.agent.pins)")
        let cluster = try Cluster(configuration.agent.kubernetes)
        try Host.requireRoot("intercept traffic")
        let client = AdminClient(path: configuration.agent.socket)
        try client.refuseIfAnswered()
        // One that is about to end does not answer any more, and still has it.
        lock = try InstallationLock.take(pins, patience: 15) { client.isAnswered }
        node = Node(pins, logger: logger, accessLog: accessLog, launcher: "/proc/self/exe")
        pods = try cluster.map { [node, pins] in try PodKeeper(node, $0, pins, logger: logger) }
    }

    /// Runs until SIGTERM, SIGINT or `POST /v1/stop`. The programs stay: traffic is intercepted as before.
    public func run() async throws {
        let memory = FreeMemory()
        // Each pod holds five descriptors, and none is to wait for the table to grow.
        FileLimit.makeRoom(for: 4096)
        if pods != nil { await node.awaitPods() }
        do {
            try await AdminPlaces.require(configuration.agent)
            // Installs the programs, or takes over those that are installed.
            try await node.start(configuration)
        } catch {
            await pods?.close()
            throw error
        }
        let admin = AdminServer(agent: self, hub: hub, pods: pods, logger: logger)
        // From here on none ends the process; before "agent ready" is said.
        let reloads = await UnixSignalsSequence(trapping: .sighup)
        let ends = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try await withThrowingTaskGroup(of: Void.self) { group in
            let settings = configuration.agent
            group.addTask {
                try await admin.serve(settings, ready: { await self.ready() }, stopping: { await self.prepareToStop() })
            }
            group.addTask { try await self.readFlows() }
            group.addTask { try await self.watch() }
            group.addTask { try await self.watchInterception() }
            group.addTask { try await self.watchMemory(memory) }
            group.addTask { try await self.watchLoops() }
            group.addTask { try await self.watchProxies() }
            if let pods { group.addTask { await pods.run() } }
            group.addTask { for await _ in reloads { await self.reload() } }
            group.addTask { for await _ in ends { admin.requestStop() } }
            // The admin server ends after a signal or a stop request; a failure of any part ends the agent, too.
            try await group.next()
            group.cancelAll()
        }
        await leavePlugin()
        await node.stop()
        await accessLog.close()
        if configuration.agent.unloadOnStop {
            let removed = try Installation.remove(configuration.agent)
            logger.info("agent stopped; everything is unloaded", metadata: ["programs": "\(removed?.programs ?? 0)"])
        } else {
            logger.info("agent stopped; interception goes on in the kernel")
        }
    }

    private func ready() {
        ServiceManager.notify("READY=1")
        logger.info(
            "agent ready",
            metadata: ["workloads": "\(configuration.workloads.count)", "socket": "\(configuration.agent.socket)"])
        // Not before: the plugin keeps pods from starting while nobody answers it.
        if configuration.agent.cni.install { keepPluginInstalled() }
    }

    private func keepPluginInstalled() {
        let keeper = InstallKeeper(PluginInstallation.installer(configuration.agent)) { [logger, self] event in
            PluginInstallation.log(event, to: logger)
            let problem: String? = if case .problem(let sentence) = event { sentence } else { nil }
            pluginProblem.withLock { $0 = problem }
        }
        let stop = stopKeepingPlugin
        pluginKeeper = Task {
            await withCheckedContinuation { ended in
                Thread.start {
                    keeper.run(until: stop)
                    ended.resume()
                }
            }
        }
    }

    /// While it still answers: `weir unload` goes on when nobody does any more.
    private func prepareToStop() async {
        await node.letBe()
        await leavePlugin()
    }

    /// The plugin stays as it is; `weir unload`, which sees that nobody answers, may remove it.
    private func leavePlugin() async {
        stopKeepingPlugin.stop()
        await pluginKeeper?.value
    }

    /// Reads the configuration again. A bad one changes nothing and is reported.
    @discardableResult
    func reload() async -> String? {
        guard let file else { return "the agent was started without a configuration file" }
        do {
            let new = unchangeable(try ConfigurationFile.read(file))
            try requireWorkloads(new, file)
            try await node.apply(new)
            reportRemovals(from: configuration, to: new)
            configuration = new
            configurationProblem = nil
            logger.info("configuration applied", metadata: ["workloads": "\(new.workloads.count)"])
        } catch {
            configurationProblem = ErrorText.lines(of: error).joined(separator: "\n")
            logger.error("configuration not applied; the earlier one stays in force", metadata: ["error": "\(error)"])
        }
        return configurationProblem
    }

    /// A file that is being written, or that a full disk has cut short, must not take everything out of force.
    private func requireWorkloads(_ new: Configuration, _ file: String) throws(InvalidValue) {
        guard !new.hasWorkloadList else { return }
        guard configuration.workloads.isEmpty, !new.lines.isEmpty || configuration.lines.isEmpty else {
            throw InvalidValue(
                "\(file) has no list of workloads, as if it had been cut short; write workloads: [] if there are to be none"
            )
        }
    }

    private func reportRemovals(from old: Configuration, to new: Configuration) {
        let gone = Set(old.workloads.map(\.name)).subtracting(new.workloads.map(\.name)).sorted()
        guard !gone.isEmpty else { return }
        logger.warning(
            "the configuration has workloads no more; they are not intercepted from now on",
            metadata: ["removed": "\(gone.count)", "workloads": "\(Node.list(gone))"])
    }

    /// A configuration with the settings of this process as they were when it started. What it cannot change is said.
    private func unchangeable(_ read: Configuration) -> Configuration {
        var new = read
        (new.agent, new.log) = (configuration.agent, configuration.log)
        new.agent.unloadOnStop = read.agent.unloadOnStop
        if new.agent != read.agent || new.log != read.log {
            logger.warning("what the file says of agent and log counts when the agent starts again")
        }
        return new
    }

    /// Every two seconds: did the file change, did a namespace or cgroup come anew?
    private func watch() async throws {
        while true {
            try await Task.sleep(for: .seconds(2))
            if let file, let now = FileIdentity(file), now != seen {
                seen = now
                await reload()
            }
            await node.refresh()
            await pods?.refresh()
        }
    }

    /// Reads the records of connections, once there are programs that write them.
    private nonisolated func readFlows() async throws {
        for await maps in node.installations { try await readFlows(maps) }
    }

    /// A thread of its own reads the ring: it waits in the kernel, not on the pool.
    private nonisolated func readFlows(_ maps: Maps) async throws {
        let (records, sink) = AsyncThrowingStream<[FlowRecord], any Error>.makeStream(
            bufferingPolicy: .bufferingNewest(64))
        let stopped = Flag()
        Thread.start {
            do {
                let reader = try FlowReader(maps)
                while !stopped.isSet {
                    reader.wait(milliseconds: 500)
                    sink.yield(try reader.drain().compactMap(FlowRecord.init))
                }
            } catch {
                sink.finish(throwing: error)
            }
        }
        defer { stopped.set() }
        for try await some in records { hub.publish(node.names.add(to: some)) }
    }

    func status() async -> AgentStatus {
        var workloads = await node.report()
        await pods?.describe(&workloads)
        return AgentStatus(
            version: WeirVersion.current, pid: getpid(), startedAt: startedAt, configuration: file,
            configurationProblem: configurationProblem, pluginProblem: pluginProblem.withLock { $0 },
            notInForce: await notInForce(),
            mechanism: await node.choice.mechanism.rawValue,
            because: await node.choice.because, acceleration: await node.tested, workloads: workloads,
            absent: await node.absent.isEmpty ? nil : await node.reportAbsent(),
            kubernetes: await pods?.status())
    }

    /// Not on the actor, which has others to answer.
    nonisolated func metrics() async throws -> String {
        let installed = Installed(interceptor: await node.interceptor, namespaces: node.namespaces)
        return try Metrics.text(
            installed, isReady: await whyNotReady().isEmpty, hasConfiguration: await configurationProblem == nil,
            await node.tested, await node.repairs, skippedObjects: await pods?.oddCount,
            absent: await node.absent.count, proxies: await node.reportProxies())
    }

    /// What the kernel does not hold of what the configuration wants, a sentence each. What a pod can bring about by
    /// itself is not among it.
    func whyNotReady() async -> [String] {
        let problem = configurationProblem.map {
            ["the configuration on disk is not in force: \($0.replacing("\n", with: "; "))"]
        }
        let unknown = await node.keepsStrangers ? ["the API server has not told the pods of this node yet"] : []
        return (problem ?? []) + (await notInForce() ?? []) + unknown + (await node.reportMissing())
    }

    /// Nil: everything is.
    func notInForce() async -> [String]? {
        let sentences = await node.notInForce
        return sentences.isEmpty ? nil : sentences
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec)
    }
}
