import Glibc
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import WeirProxy

/// A started proxy and what it reports.
struct Harness: Sendable {
    let proxy: RelayProxy
    let addresses: [SocketAddress]
    private let records: AsyncStream<RelayRecord>

    var address: SocketAddress { addresses[0] }

    /// The next connection that ended.
    func nextRecord() async throws -> RelayRecord {
        var iterator = records.makeAsyncIterator()
        return try #require(await iterator.next())
    }

    func connect() throws -> Peer { try Peer.connected(to: address) }

    /// Starts a proxy on loopback whose connections all go to `origin` (nil: asks `resolve`), but not before `gate`
    /// ends; runs `body`; stops it.
    static func run(
        origin: SocketAddress?, listen: [SocketAddress]? = nil, resolveAfter gate: AsyncStream<Void>? = nil,
        resolve: @escaping @Sendable (any Channel) -> EventLoopFuture<SocketAddress> = OriginalDestination.resolve,
        configure: (inout RelayProxyConfiguration) -> Void = { _ in },
        onConnection: @escaping @Sendable () -> Void = {},
        body: (Harness) async throws -> Void
    ) async throws {
        let loopback = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
        var configuration = RelayProxyConfiguration(listen: listen ?? [loopback])
        configuration.drainTimeout = .milliseconds(50)
        configure(&configuration)
        let (records, continuation) = AsyncStream.makeStream(of: RelayRecord.self)
        let proxy = RelayProxy(
            configuration: configuration, logger: .silent,
            originalDestination: { channel in
                guard let origin else { return resolve(channel) }
                guard let gate else { return channel.eventLoop.makeSucceededFuture(origin) }
                return channel.eventLoop.makeFutureWithTask {
                    for await _ in gate {}
                    return origin
                }
            },
            onConnection: {
                onConnection()
                continuation.yield($0)
            })
        let harness = Harness(proxy: proxy, addresses: try await proxy.start(), records: records)
        do {
            try await body(harness)
        } catch {
            await proxy.shutdown()
            throw error
        }
        await proxy.shutdown()
        // Whatever happened, every connection ended and was counted.
        let counters = proxy.snapshot()
        #expect(counters.active == 0)
        #expect(counters.completed == counters.accepted)
    }
}

private let threads = {
    let pool = NIOThreadPool(numberOfThreads: 32)
    pool.start()
    return pool
}()

/// Runs blocking calls off Swift's cooperative threads.
func blocking<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await threads.runIfActive(body)
}

/// Waits until `condition` holds; the test's time limit bounds it.
func eventually(_ condition: () -> Bool) async throws {
    while !condition() { try await Task.sleep(for: .milliseconds(5)) }
}

/// Bytes that differ at every offset of any period a relay could confuse: the low bytes of a linear congruence.
func pattern(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
    }
}

/// Echoes one connection until FIN, then ends its own side.
func echo(_ peer: Peer) throws {
    while true {
        let bytes = try peer.receive()
        if bytes.isEmpty { break }
        try peer.send(bytes)
    }
    try peer.endOutput()
}

extension RelayProxyConfiguration {
    /// Gives the sockets that dial a mark, by which rules of netfilter know them.
    mutating func markDials(_ mark: UInt32) {
        prepareDial = { descriptor in
            var mark = mark
            let size = socklen_t(MemoryLayout.size(ofValue: mark))
            guard setsockopt(descriptor, SOL_SOCKET, SO_MARK, &mark, size) == 0 else {
                throw IOError(errnoCode: errno, reason: "SO_MARK")
            }
        }
    }
}
