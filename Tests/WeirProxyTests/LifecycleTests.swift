import Glibc
import Logging
import NIOCore
import Testing

@testable import WeirProxy

/// Limits, time-outs, start and stop.
@Suite(.timeLimit(.minutes(1)))
struct LifecycleTests {
    @Test func connectionsOverTheLimitAreReset() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local, configure: { $0.maxConnections = 2 }) { harness in
            var open: [Peer] = []
            for _ in 0..<2 {
                open.append(try harness.connect())
                open.append(try await blocking { try listener.accept() })
            }
            let address = harness.address
            let failure = try await blocking { Peer.failure(connectingTo: address) }
            #expect(failure == .reset)
            #expect(try await harness.nextRecord().outcome == .overLimit)
            #expect(harness.proxy.snapshot().overLimit == 1)
            // A place becomes free with the end of a connection.
            try open[0].endOutput()
            try open[1].endOutput()
            #expect(try await harness.nextRecord().outcome == .closed)
            let next = try harness.connect()
            let served = try await blocking { try listener.accept() }
            try served.send([5])
            #expect(try await blocking { try next.receive() } == [5])
        }
    }

    @Test func idleConnectionIsResetOnBothSides() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local, configure: { $0.idleTimeout = .milliseconds(100) }) { harness in
            let client = try harness.connect()
            let server = try await blocking { try listener.accept() }
            #expect(try await blocking { client.failure() } == .reset)
            #expect(try await blocking { server.failure() } == .reset)
            let record = try await harness.nextRecord()
            #expect(record.outcome == .idleTimeout)
            #expect(record.duration >= .milliseconds(100))
        }
    }

    /// Thirty bytes, 100 ms apart: longer than the idle time-out in all, and relayed to the end.
    @Test func activityKeepsAConnectionOpen() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local, configure: { $0.idleTimeout = .seconds(2) }) { harness in
            let client = try harness.connect()
            let server = try await blocking { try listener.accept() }
            try await blocking {
                for byte in UInt8(0)..<30 {
                    try client.send([byte])
                    #expect(try server.receive() == [byte])
                    usleep(100_000)
                }
                try client.endOutput()
                try server.endOutput()
            }
            #expect(try await harness.nextRecord().outcome == .closed)
        }
    }

    @Test func drainStopsListeningAndLetsOpenConnectionsFinish() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local, configure: { $0.drainTimeout = .seconds(30) }) { harness in
            let client = try harness.connect()
            let server = try await blocking { try listener.accept() }
            async let stopped: Void = harness.proxy.shutdown()
            // The port is free for others as soon as the proxy does not listen any more.
            let port = try #require(harness.address.port)
            try await eventually { (try? Peer.listening(port: port)) != nil }
            try await blocking {
                try client.send([1])
                #expect(try server.receive() == [1])
                try server.send([2])
                #expect(try client.receive() == [2])
                try client.endOutput()
                try server.endOutput()
            }
            await stopped
            #expect(harness.proxy.snapshot().outcomes == [.closed: 1])
        }
    }

    @Test func drainDeadlineResetsWhatIsLeft() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local) { harness in
            let client = try harness.connect()
            let server = try await blocking { try listener.accept() }
            await harness.proxy.shutdown()
            #expect(try await blocking { client.failure() } == .reset)
            #expect(try await blocking { server.failure() } == .reset)
            #expect(try await harness.nextRecord().outcome == .shutdown)
        }
    }

    @Test func runEndsWhenItsTaskIsCancelled() async throws {
        var configuration = RelayProxyConfiguration(listen: [try SocketAddress(ipAddress: "127.0.0.1", port: 0)])
        configuration.threads = 2
        let proxy = RelayProxy(configuration: configuration, logger: .silent)
        let bound = try await proxy.start()
        let running = Task { try await proxy.run() }
        running.cancel()
        try await running.value
        #expect(throws: SocketFailure(code: ECONNREFUSED)) { try Peer.connected(to: bound[0]) }
    }

    /// shutdown(2) makes accept fail for good, as nothing else can be made to on demand.
    @Test func runEndsWhenAListenerFails() async throws {
        let configuration = RelayProxyConfiguration(listen: [try SocketAddress(ipAddress: "127.0.0.1", port: 0)])
        let proxy = RelayProxy(configuration: configuration, logger: .silent)
        let bound = try await proxy.start()
        try check(Glibc.shutdown(try #require(listener(at: bound[0])), Int32(SHUT_RDWR)))
        try await proxy.run()
    }

    @Test func relaysOnSeveralThreads() async throws {
        let listener = try Peer.listening()
        try await Harness.run(origin: listener.local, configure: { $0.threads = 2 }) { harness in
            async let served: Void = blocking { for _ in 0..<50 { try echo(listener.accept()) } }
            try await blocking {
                for index in 0..<50 {
                    let client = try harness.connect()
                    try client.send([UInt8(index)])
                    try client.endOutput()
                    #expect(try client.receiveAll() == [UInt8(index)])
                }
            }
            try await served
            for _ in 0..<50 { #expect(try await harness.nextRecord().outcome == .closed) }
        }
    }

    @Test func occupiedAddressIsNamed() async throws {
        let listener = try Peer.listening()
        let address = try listener.local
        let proxy = RelayProxy(configuration: .init(listen: [address]), logger: .silent)
        await #expect(throws: RelayProxyError.cannotListen(address: address, errno: EADDRINUSE)) {
            try await proxy.start()
        }
        await #expect(throws: RelayProxyError.alreadyStarted) { try await proxy.start() }
    }

    @Test func badConfigurationIsNamed() async throws {
        await #expect(throws: RelayProxyError.self) {
            try await RelayProxy(configuration: .init(listen: []), logger: .silent).start()
        }
        var configuration = RelayProxyConfiguration(listen: [try SocketAddress(ipAddress: "127.0.0.1", port: 0)])
        configuration.maxConnections = 0
        #expect(throws: RelayProxyError.badConfiguration("maxConnections is out of range; give a positive value")) {
            try configuration.validate()
        }
    }
}

extension Logger {
    static var silent: Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }
}
