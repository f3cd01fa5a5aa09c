import Glibc
import NIOCore

/// One end of a relayed connection: the handler in that end's channel.
///
/// Nothing is read before it is asked for (`autoRead` is off): a side reads again only after what it read has left its
/// peer's write buffer for the kernel, so a connection holds at most two reads' worth in user space per direction.
/// The exception is NIO's: on FIN it reads what is left at once; `RelayProxyConfiguration.receiveBuffer` bounds that.
///
/// Concurrency model: an object of its channel's event loop, like its session; never touched from elsewhere.
final class RelaySide: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Role { case client, upstream }

    let role: Role
    var session: RelaySession?
    private var context: ChannelHandlerContext?

    /// Stopped reading because the peer could not write.
    private var paused = false
    private(set) var open = true
    /// All input has been read, and it ended with FIN.
    var inputEnded = false
    /// A FIN has been asked for; it follows the last byte.
    private var outputEnding = false
    /// FIN has been sent.
    private(set) var outputEnded = false
    /// The channel reported an error, so its end is not a FIN.
    private(set) var failed = false
    private(set) var received: UInt64 = 0

    init(_ role: Role, session: RelaySession) {
        self.role = role
        self.session = session
    }

    // MARK: What the session asks for

    func write(_ buffer: ByteBuffer) {
        context?.write(wrapOutboundOut(buffer), promise: nil)
    }

    func flush() {
        context?.flush()
    }

    /// Reads once now, or when `peer` has room.
    func resume(into peer: RelaySide) {
        guard open, !inputEnded, let context else { return }
        paused = peer.context?.channel.isWritable != true
        if !paused { context.read() }
    }

    /// Sends FIN after all bytes written so far.
    ///
    /// Waits for them with an empty write: NIO turns closing the output of a channel whose input has ended into a full
    /// close, and that drops what is still to be written.
    func endOutput() {
        guard open, !outputEnding, let context else { return }
        outputEnding = true
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenSuccess {
            self.outputEnded = true
            self.context?.close(mode: .output, promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
    }

    /// Closes with RST, dropping what is not yet delivered.
    func abort() {
        guard open, let context else { return }
        context.channel.resetOnClose()
        context.close(promise: nil)
    }

    // MARK: What the channel tells

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        // A channel that is closed before it became active never says `channelInactive`.
        close()
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        if role == .client { session?.begin(context.channel) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        received += UInt64(buffer.readableBytes)
        session?.relay(buffer, from: self)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        session?.readComplete(self)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable, let session else { return }
        session.touch()
        let source = session.peer(of: self)
        if let source, source.paused { source.resume(into: self) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { session?.inputEnded(self) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // NIO closes the channel after a socket error; what was read before has been flushed to the peer by then.
        failed = true
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        close()
    }

    private func close() {
        guard open else { return }
        open = false
        session?.closed(self)
    }
}

extension Channel {
    /// Makes the next close send RST (SO_LINGER with time 0, socket(7)) instead of FIN. A closed channel is left alone.
    func resetOnClose() {
        guard let socket = self as? any SocketOptionProvider else { return }
        _ = socket.setSoLinger(linger(l_onoff: 1, l_linger: 0))
    }
}
