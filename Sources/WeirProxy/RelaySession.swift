import NIOCore
import NIOPosix

/// One connection through the proxy: client, origin, and how it ends.
///
/// Concurrency model: an object of one event loop. Both channels live on the loop of the accepted one; the session, its
/// sides and its worker are only touched there.
final class RelaySession {
    private let worker: RelayWorker
    private let accepted = NIODeadline.now()
    private var client: RelaySide?
    private var upstream: RelaySide?
    private var source: SocketAddress?
    private var origin: SocketAddress?
    /// What `LoopWatch` knows of the connection while it is open.
    private var acceptedFlow: LoopWatch.Flow?
    private var dialed: (flow: LoopWatch.Flow, channel: any Channel)?
    private var dialing = false
    /// What the client sent with a FIN before the origin answered; NIO reads that unasked.
    private var early: [ByteBuffer] = []
    /// The first cause of the end wins.
    private var outcome: RelayOutcome?
    private var error: String?
    private var completed = false
    /// The worker's tick when a byte last moved.
    private(set) var lastActive: UInt64

    init(worker: RelayWorker) {
        self.worker = worker
        lastActive = worker.tick
    }

    /// The handler for the accepted channel. Call once.
    func makeClient() -> RelaySide {
        let side = RelaySide(.client, session: self)
        client = side
        return side
    }

    func touch() { lastActive = worker.tick }

    func peer(of side: RelaySide) -> RelaySide? {
        side === client ? upstream : client
    }

    // MARK: Beginning

    /// The client's channel is active: find out where it was going and dial that.
    func begin(_ channel: any Channel) {
        source = channel.remoteAddress?.unmapped
        dialing = true
        worker.core.originalDestination(channel).hop(to: worker.eventLoop).assumeIsolated().whenComplete { result in
            self.dialing = false
            guard case .success(let address) = result else { return self.end(.noOrigin) }
            let origin = address.unmapped
            self.origin = origin
            if self.worker.core.isListener(origin, local: channel.localAddress?.unmapped) { return self.end(.noOrigin) }
            if self.outcome != nil { return self.completeIfDone() }
            self.dialUnlessLooped(origin, acceptedAt: channel.localAddress?.unmapped)
        }
    }

    private func dialUnlessLooped(_ origin: SocketAddress, acceptedAt local: SocketAddress?) {
        guard let source, let local else { return dial(origin) }
        let flow = LoopWatch.Flow(source: source, origin: origin)
        acceptedFlow = flow
        guard let own = worker.core.loops.accepted(flow, at: local) else { return dial(origin) }
        dialing = true
        LoopWatch.isLoop(flow, own, at: local).hop(to: worker.eventLoop).assumeIsolated().whenSuccess { isLoop in
            self.dialing = false
            if isLoop { return self.end(.ownConnection) }
            if self.outcome != nil { return self.completeIfDone() }
            self.dial(origin)
        }
    }

    private func dial(_ origin: SocketAddress) {
        dialing = true
        worker.dialer.connect(to: origin).assumeIsolated().whenComplete { result in
            self.dialing = false
            switch result {
            case .success(let channel): self.connected(channel)
            case .failure(let error):
                self.error = RelayOutcome.text(ofDialError: error)
                self.end(RelayOutcome(dialError: error))
            }
        }
    }

    private func connected(_ channel: any Channel) {
        guard outcome == nil, let client else {
            channel.resetOnClose()
            channel.close(promise: nil)
            return completeIfDone()
        }
        let side = RelaySide(.upstream, session: self)
        do {
            try channel.pipeline.syncOperations.addHandler(side)
        } catch {
            channel.close(promise: nil)
            return end(.upstreamReset)
        }
        upstream = side
        watchForLoop(channel)
        touch()
        early.forEach(side.write)
        early = []
        side.flush()
        if client.inputEnded { side.endOutput() }
        client.resume(into: side)
        side.resume(into: client)
    }

    /// The accepted end of a loop may have come first, to another event loop.
    private func watchForLoop(_ channel: any Channel) {
        guard let origin, let source = channel.localAddress?.unmapped else { return }
        let flow = LoopWatch.Flow(source: source, origin: origin)
        dialed = (flow, channel)
        guard let local = worker.core.loops.dialed(flow, channel) else { return }
        LoopWatch.isLoop(flow, channel, at: local).assumeIsolated().whenSuccess { isLoop in
            if isLoop { self.end(.ownConnection) }
        }
    }

    // MARK: Relaying

    func relay(_ buffer: ByteBuffer, from side: RelaySide) {
        touch()
        if side === client {
            worker.core.counters.relayed(up: buffer.readableBytes)
            if let upstream { upstream.write(buffer) } else { early.append(buffer) }
        } else {
            worker.core.counters.relayed(down: buffer.readableBytes)
            client?.write(buffer)
        }
    }

    func readComplete(_ side: RelaySide) {
        guard let peer = peer(of: side) else { return }
        peer.flush()
        side.resume(into: peer)
    }

    func inputEnded(_ side: RelaySide) {
        guard !side.inputEnded else { return }
        touch()
        side.inputEnded = true
        peer(of: side)?.endOutput()
    }

    // MARK: Ending

    /// Ends the connection for `reason` with RST to both sides, unless it is ending already.
    func end(_ reason: RelayOutcome) {
        if outcome == nil { outcome = reason }
        client?.abort()
        upstream?.abort()
        completeIfDone()
    }

    /// `side`'s channel is closed: the end of an orderly close if FIN went both ways, else a reset.
    func closed(_ side: RelaySide) {
        if side.outputEnded && !side.failed {
            inputEnded(side)
            completeIfDone()
        } else {
            end(side === client ? .clientReset : .upstreamReset)
        }
    }

    private func completeIfDone() {
        guard !completed, !dialing, client?.open != true, upstream?.open != true else { return }
        completed = true
        early = []
        if let acceptedFlow { worker.core.loops.forget(accepted: acceptedFlow) }
        if let dialed { worker.core.loops.forget(dialed: dialed.flow, dialed.channel) }
        dialed = nil
        let record = RelayRecord(
            source: source, destination: origin, direction: worker.core.configuration.direction,
            bytesSent: client?.received ?? 0, bytesReceived: upstream?.received ?? 0,
            duration: Duration(NIODeadline.now() - accepted), outcome: outcome ?? .closed, error: error)
        client?.session = nil
        upstream?.session = nil
        client = nil
        upstream = nil
        worker.ended(self, record)
    }
}
