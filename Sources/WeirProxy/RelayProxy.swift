import Glibc
public import Logging
public import NIOCore
import NIOPosix
import Synchronization

/// The fallback proxy: a transparent TCP relay. It accepts connections that were redirected to it, dials the address
/// each was going to, and passes bytes, FIN and RST both ways. It looks into nothing and keeps no source address.
///
/// Sockets belong to the event loops' threads: each thread enters the configured network namespace before any socket
/// is made, and NIO makes sockets on the thread that calls `bind` or `connect`, which here is always the loop's.
public final class RelayProxy: Sendable {
    private struct Running: Sendable {
        var group: MultiThreadedEventLoopGroup
        var listeners: [any Channel]
        var workers: [NIOLoopBound<RelayWorker>]
    }

    private enum State: Sendable {
        case idle
        case starting
        case running(Running)
        case stopping(Task<Void, Never>)
        case stopped
    }

    let core: RelayCore
    private let logger: Logger
    private let state = Mutex(State.idle)
    private let stopRequests: AsyncStream<Never>
    private let stop: AsyncStream<Never>.Continuation

    /// - Parameters:
    ///   - originalDestination: asked on the channel's event loop for each accepted connection; a failure counts as
    ///     `no_origin`.
    ///   - onConnection: told on an event loop of each connection that has ended. It must not block; `AccessLog.append`
    ///     does not.
    public init(
        configuration: RelayProxyConfiguration,
        logger: Logger,
        originalDestination: @escaping @Sendable (any Channel) -> EventLoopFuture<SocketAddress> =
            OriginalDestination.resolve,
        onConnection: @escaping @Sendable (RelayRecord) -> Void = { _ in }
    ) {
        core = RelayCore(
            configuration: configuration, originalDestination: originalDestination, onConnection: onConnection)
        self.logger = logger
        (stopRequests, stop) = AsyncStream.makeStream(of: Never.self)
    }

    public func snapshot() -> RelayCounters { core.counters.snapshot() }

    /// Listens, and returns the bound addresses in the order of the configuration.
    /// Throws `RelayProxyError`; nothing is left listening then.
    public func start() async throws -> [SocketAddress] {
        try core.configuration.validate()
        try state.withLock { state throws(RelayProxyError) in
            guard case .idle = state else { throw .alreadyStarted }
            state = .starting
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: core.configuration.threads)
        do {
            let running = try await launch(group)
            let bound = running.listeners.compactMap(\.localAddress)
            state.withLock { $0 = .running(running) }
            for listener in running.listeners { listener.closeFuture.whenComplete { _ in self.listenerClosed() } }
            logger.info("proxy listening", metadata: ["addresses": "\(bound.map(\.text).joined(separator: " "))"])
            return bound
        } catch {
            try? await group.shutdownGracefully()
            state.withLock { $0 = .stopped }
            throw error
        }
    }

    /// Serves until the task is cancelled, `shutdown()` is called or a listener fails, then drains.
    /// Starts first if need be.
    public func run() async throws {
        let fresh = state.withLock { if case .idle = $0 { true } else { false } }
        if fresh { _ = try await start() }
        for await _ in stopRequests {}
        await shutdown()
    }

    /// Stops listening, waits for open connections up to the drain time, resets the rest. Returns when all is closed;
    /// calling it again waits for the same end. Call it after `start()` has returned.
    /// - Parameter drainTime: nil for the configuration's.
    public func shutdown(within drainTime: Duration? = nil) async {
        stop.finish()
        let task: Task<Void, Never>? = state.withLock { state in
            switch state {
            case .running(let running):
                let drainTime = drainTime ?? core.configuration.drainTimeout
                let task = Task { await self.wind(down: running, within: drainTime) }
                state = .stopping(task)
                return task
            case .stopping(let task): return task
            case .idle:
                state = .stopped
                return nil
            case .starting, .stopped: return nil
            }
        }
        await task?.value
    }

    /// NIO closes a listener whose accept fails for good.
    private func listenerClosed() {
        guard state.withLock({ if case .running = $0 { true } else { false } }) else { return }
        logger.error("a listener of the proxy failed; the proxy stops")
        stop.finish()
    }

    private func wind(down running: Running, within drainTime: Duration) async {
        for listener in running.listeners { try? await listener.close() }
        let deadline = NIODeadline.now() + TimeAmount(drainTime)
        let drains = running.workers.map { worker in
            worker.eventLoop.flatSubmit { worker.value.drain(deadline: deadline) }
        }
        for drain in drains { try? await drain.get() }
        try? await running.group.shutdownGracefully()
        state.withLock { $0 = .stopped }
        logger.info("proxy stopped", metadata: ["completed": "\(snapshot().completed)"])
    }
}

// MARK: - Starting

extension RelayProxy {
    private func launch(_ group: MultiThreadedEventLoopGroup) async throws -> Running {
        let limit = connectionLimit()
        var workers: [NIOLoopBound<RelayWorker>] = []
        for loop in group.makeIterator() {
            let core = core
            let worker = try await loop.submit {
                if let namespace = core.configuration.networkNamespace { try enterNetworkNamespace(namespace) }
                return NIOLoopBound(RelayWorker(core: core, eventLoop: loop, limit: limit), eventLoop: loop)
            }.get()
            workers.append(worker)
        }
        var listeners: [any Channel] = []
        do {
            for address in core.configuration.listen {
                listeners.append(try await listen(on: address, group: group, workers: workers))
            }
        } catch {
            for listener in listeners { try? await listener.close() }
            throw error
        }
        core.setListeners(listeners.compactMap(\.localAddress))
        return Running(group: group, listeners: listeners, workers: workers)
    }

    /// The configured limit, lowered so that two descriptors a connection and 64 for the rest of the process fit.
    private func connectionLimit() -> Int {
        var files = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files) == 0 else {
            return core.configuration.maxConnections
        }
        let allowed = max(1, (Int(clamping: files.rlim_cur) - 64) / 2)
        if allowed < core.configuration.maxConnections {
            logger.warning(
                "connection limit lowered to what the open-file limit allows",
                metadata: ["limit": "\(allowed)", "configured": "\(core.configuration.maxConnections)"])
        }
        return min(allowed, core.configuration.maxConnections)
    }

    private func listen(
        on address: SocketAddress, group: MultiThreadedEventLoopGroup, workers: [NIOLoopBound<RelayWorker>]
    ) async throws -> any Channel {
        let loop = workers[0].eventLoop
        do {
            return try await loop.flatSubmit {
                ServerBootstrap(group: loop, childGroup: group)
                    .serverChannelOption(.backlog, value: 4096)
                    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                    .serverChannelOption(.maxMessagesPerRead, value: 16)
                    .serverChannelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture { try self.prepareListener(channel, address) }
                    }
                    .childChannelInitializer { channel in
                        guard let worker = workers.first(where: { $0.eventLoop === channel.eventLoop }) else {
                            return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
                        }
                        return worker.value.admit(channel)
                    }
                    .bind(to: address)
            }.get()
        } catch let error as IOError {
            throw RelayProxyError.cannotListen(address: address, errno: error.errnoCode)
        }
    }

    private func prepareListener(_ channel: any Channel, _ address: SocketAddress) throws {
        let configuration = core.configuration
        if address.protocol == .inet6, configuration.listen.contains(where: { $0.protocol == .inet }) {
            let v6only = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)
            try channel.syncOptions?.setOption(v6only, value: 1)
        }
        try channel.limitBuffers(receive: configuration.receiveBuffer)
        // Out of descriptors or memory: accept again in 100 ms instead of spinning.
        try channel.pipeline.syncOperations.addHandler(
            AcceptBackoffHandler(shouldForwardIOErrorCaught: false) { _ in .milliseconds(100) })
    }
}
