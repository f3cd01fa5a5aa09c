import Glibc
import NIOCore
import NIOPosix

/// The sessions of one event loop: admits, times out, drains.
///
/// Concurrency model: an object of its event loop; other threads reach it through `NIOLoopBound`.
final class RelayWorker {
    let core: RelayCore
    let eventLoop: any EventLoop
    /// Makes the outgoing sockets, on this thread and so in its network namespace:
    /// `ClientBootstrap.makeSocketChannel` calls socket(2) on the thread that calls `connect`.
    let dialer: ClientBootstrap
    /// Grows by one a sweep. Sessions note it instead of the time.
    private(set) var tick: UInt64 = 0

    private let limit: Int
    private let sweepInterval: TimeAmount
    private let idleTicks: UInt64
    private var sessions: [ObjectIdentifier: RelaySession] = [:]
    private var sweeping = false
    /// Most sessions at once since memory was last given back.
    private var peak = 0
    private var drained: EventLoopPromise<Void>?

    init(core: RelayCore, eventLoop: any EventLoop, limit: Int) {
        self.core = core
        self.eventLoop = eventLoop
        self.limit = limit
        dialer = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(core.configuration.connectTimeout))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try Self.prepareUpstream(channel, core.configuration) }
            }
        let idle = TimeAmount(core.configuration.idleTimeout).nanoseconds
        let interval = min(max(idle / 4, 10_000_000), 5_000_000_000)
        sweepInterval = .nanoseconds(interval)
        idleTicks = UInt64((idle + interval - 1) / interval)
    }

    // MARK: Accepting

    /// The initializer of accepted channels. A failed future makes NIO close the channel.
    func admit(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard core.counters.admit(limit: limit) else {
            channel.resetOnClose()
            let record = RelayRecord(
                source: channel.remoteAddress?.unmapped, destination: nil, direction: core.configuration.direction,
                bytesSent: 0, bytesReceived: 0, duration: .zero, outcome: .overLimit)
            core.counters.ended(.overLimit)
            core.onConnection(record)
            return eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        let session = RelaySession(worker: self)
        sessions[ObjectIdentifier(session)] = session
        peak = max(peak, sessions.count)
        startSweeping()
        return eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(session.makeClient())
            try Self.prepareRelaying(channel)
        }
    }

    /// One read of up to 64 KiB between two looks at the peer's write buffer.
    private static func prepareRelaying(_ channel: any Channel) throws {
        guard let options = channel.syncOptions else { throw ChannelError.operationUnsupported }
        try options.setOption(.autoRead, value: false)
        try options.setOption(.maxMessagesPerRead, value: 1)
        try options.setOption(.allowRemoteHalfClosure, value: true)
        try options.setOption(.recvAllocator, value: RelayReadAllocator())
    }

    private static func prepareUpstream(_ channel: any Channel, _ configuration: RelayProxyConfiguration) throws {
        try prepareRelaying(channel)
        if let prepare = configuration.prepareDial {
            let isPrepared: Void? = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
                of: NIOBSDSocket.Handle.self, prepare)
            guard isPrepared != nil else { throw ChannelError.operationUnsupported }
        }
        try channel.limitBuffers(receive: configuration.receiveBuffer)
    }

    // MARK: Ending

    func ended(_ session: RelaySession, _ record: RelayRecord) {
        sessions[ObjectIdentifier(session)] = nil
        core.counters.ended(record.outcome)
        core.onConnection(record)
        if sessions.isEmpty { drained?.succeed() }
    }

    /// Ends when no session is left; those that are still there at `deadline` are reset.
    func drain(deadline: NIODeadline) -> EventLoopFuture<Void> {
        let promise = eventLoop.makePromise(of: Void.self)
        drained = promise
        if sessions.isEmpty {
            promise.succeed()
        } else {
            let timer = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
                for session in Array(self.sessions.values) { session.end(.shutdown) }
            }
            promise.futureResult.assumeIsolated().whenComplete { _ in timer.cancel() }
        }
        return promise.futureResult
    }

    /// One timer for all sessions, and none without sessions.
    private func startSweeping() {
        guard !sweeping else { return }
        sweeping = true
        eventLoop.assumeIsolated().scheduleTask(in: sweepInterval) {
            self.sweeping = false
            self.tick += 1
            for session in self.sessions.values where self.tick - session.lastActive > self.idleTicks {
                session.end(.idleTimeout)
            }
            if !self.sessions.isEmpty {
                self.startSweeping()
            } else if self.peak >= 100 {
                self.peak = 0
                releaseFreeMemory()
            }
        }
    }
}

extension Channel {
    /// Bounds what the kernel queues for this socket; set before connect or listen, inherited by accepted sockets.
    ///
    /// SO_RCVBUF as `RelayProxyConfiguration.receiveBuffer` says, and TCP_NOTSENT_LOWAT (tcp(7)): past 256 KiB of bytes
    /// that wait for the peer's window the socket is not writable, whatever tcp_wmem allows.
    func limitBuffers(receive: Int?) throws {
        guard let options = syncOptions else { return }
        let notSentLowat = ChannelOptions.Types.SocketOption(
            level: .tcp, name: NIOBSDSocket.Option(rawValue: TCP_NOTSENT_LOWAT))
        try options.setOption(notSentLowat, value: 256 * 1024)
        guard let receive else { return }
        do {
            // Not capped by net.core.rmem_max, but needs CAP_NET_ADMIN.
            try options.setOption(.socketOption(.init(rawValue: SO_RCVBUFFORCE)), value: receive)
        } catch {
            try options.setOption(.socketOption(.so_rcvbuf), value: receive)
        }
    }
}
