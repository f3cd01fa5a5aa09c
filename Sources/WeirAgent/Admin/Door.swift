import NIOCore
import Synchronization
import WeirBPF

/// The connections of one of the two servers. When there are too many, whoever has the most loses the one that has
/// been silent for longest: a user who opens thousands closes his own, and the liveness probe gets through.
final class Door: Sendable {
    /// Whose connection: a user of this network namespace, or an address.
    enum Owner: Hashable {
        case uid(UInt32)
        case address(String)
        case local
    }

    private struct Guest {
        let owner: Owner
        let channel: any Channel
        var lastActive: NIODeadline
    }

    private let limit: Int
    /// How long a connection may last; nil: as long as it likes.
    let life: TimeAmount?
    /// How long it may leave an answer unread.
    let patience: TimeAmount
    private let guests = Mutex<[ObjectIdentifier: Guest]>([:])

    init(limit: Int, life: TimeAmount?, patience: TimeAmount) {
        (self.limit, self.life, self.patience) = (limit, life, patience)
    }

    func enter(_ channel: any Channel) {
        let owner = Self.owner(of: channel)
        let victim = guests.withLock { guests -> (any Channel)? in
            guests[ObjectIdentifier(channel)] = Guest(owner: owner, channel: channel, lastActive: .now())
            guard guests.count > limit else { return nil }
            let shares = Dictionary(grouping: guests.values, by: \.owner)
            let largest = shares.values.max { $0.count < $1.count }
            return largest?.min { $0.lastActive < $1.lastActive }?.channel
        }
        if let victim {
            leave(victim)
            victim.close(promise: nil)
        }
    }

    func leave(_ channel: any Channel) {
        guests.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    func touch(_ channel: any Channel) {
        guests.withLock { $0[ObjectIdentifier(channel)]?.lastActive = .now() }
    }

    /// For the end of the agent, which does not wait for those who do not read.
    func closeAll() {
        for guest in guests.withLock({ Array($0.values) }) { guest.channel.close(promise: nil) }
    }

    private static func owner(of channel: any Channel) -> Owner {
        guard let peer = channel.remoteAddress, let own = channel.localAddress, let from = bytes(peer),
            let to = bytes(own), let port = peer.port, let ownPort = own.port
        else { return .local }
        if let uid = SocketOwner.uid(end: (from, port), peer: (to, ownPort)) { return .uid(uid) }
        return .address(peer.ipAddress ?? "")
    }

    /// The address alone, as the kernel has it in struct sockaddr_in and sockaddr_in6.
    private static func bytes(_ address: SocketAddress) -> [UInt8]? {
        let place: Range<Int>
        switch address {
        case .v4: place = 4..<8
        case .v6: place = 8..<24
        case .unixDomainSocket: return nil
        }
        return address.withSockAddr { pointer, size in
            Array(UnsafeRawBufferPointer(start: pointer, count: size)[place])
        }
    }
}

/// Holds one connection to its door's limits. It looks at when something passes, not at what.
final class DoorKeeper: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny
    typealias OutboundIn = NIOAny

    private let door: Door
    private var end: Scheduled<Void>?
    private var stall: Scheduled<Void>?

    init(_ door: Door) { self.door = door }

    func handlerAdded(context: ChannelHandlerContext) {
        door.enter(context.channel)
        if let life = door.life { end = close(context.channel, in: life) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end?.cancel()
        stall?.cancel()
        door.leave(context.channel)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        door.touch(context.channel)
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        door.touch(context.channel)
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stall?.cancel()
        stall = context.channel.isWritable ? nil : close(context.channel, in: door.patience)
        context.fireChannelWritabilityChanged()
    }

    private func close(_ channel: any Channel, in time: TimeAmount) -> Scheduled<Void> {
        channel.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }
}
