import Glibc
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import WeirBPF
import WeirCore

/// The admin API: everything on a unix socket, and what is safe for everyone on a TCP port of the loopback address.
struct AdminServer: Sendable {
    let agent: Agent
    let hub: FlowHub
    let pods: PodKeeper?
    let logger: Logger
    private let page: MetricsPage
    private let stopRequests: AsyncStream<Void>
    private let stop: AsyncStream<Void>.Continuation

    init(agent: Agent, hub: FlowHub, pods: PodKeeper?, logger: Logger) {
        self.agent = agent
        self.hub = hub
        self.pods = pods
        page = MetricsPage { try await agent.metrics() }
        var quiet = logger
        quiet.logLevel = .warning
        self.logger = quiet
        (stopRequests, stop) = AsyncStream.makeStream()
    }

    /// Ends `serve` in order: no new requests, streams end, open requests are answered.
    func requestStop() { stop.yield() }

    /// Serves until `requestStop` or POST /v1/stop.
    /// - Parameter stopping: what has to be over when nobody answers any more.
    func serve(
        _ configuration: Configuration.Agent, ready: @escaping @Sendable () async -> Void,
        stopping: @escaping @Sendable () async -> Void
    ) async throws {
        try prepare(configuration.socket)
        let listening = Countdown(2, then: ready)
        let (localDoor, webDoor) = (
            Door(limit: 256, life: nil, patience: .seconds(60)),
            Door(limit: 64, life: .seconds(10), patience: .seconds(10))
        )
        let local = Application(
            router: privileged(), server: Self.http(localDoor),
            configuration: .init(address: .unixDomainSocket(path: configuration.socket)),
            onServerRunning: { _ in
                chmod(configuration.socket, 0o660)
                await listening.step()
            }, logger: logger)
        let web = Application(
            router: open(configuration.listen), server: Self.http(webDoor),
            configuration: .init(
                address: .hostname("\(configuration.listen.address)", port: Int(configuration.listen.port))),
            onServerRunning: { _ in await listening.step() }, eventLoopGroupProvider: .shared(Self.strangers),
            logger: logger)
        let services = ServiceGroup(
            configuration: .init(services: [.init(service: local), .init(service: web)], logger: logger))
        let beats = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: .seconds(3))
                hub.beat()
            }
        }
        defer { beats.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await services.run() }
            tasks.addTask {
                for await _ in stopRequests { break }
                await stopping()
                hub.end()
                // Before it is closed: whoever finds nobody there may be the next agent, whose socket stays.
                AdminPlaces.remove(configuration.socket)
                await services.triggerGracefulShutdown()
            }
            try await tasks.next()
            // Either the services have ended, and nobody waits for requests, or they are about to.
            stop.finish()
            let hurry = Task {
                try await Task.sleep(for: .seconds(3))
                localDoor.closeAll()
                webDoor.closeAll()
            }
            defer { hurry.cancel() }
            try await tasks.next()
        }
    }

    /// A thread of its own for the open port: what strangers do costs the admin socket no turn. It lasts as long as the
    /// process, since the server may schedule something on it after it has ended.
    private static let strangers = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private static func http(_ door: Door) -> HTTPServerBuilder {
        .http1(
            configuration: .init(
                additionalChannelHandlers: [DoorKeeper(door)], idleTimeout: .seconds(30),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: 8 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 64)))
    }

    private func privileged() -> Router<BasicRequestContext> {
        let router = Router()
        addOpen(to: router)
        router.get("/v1/status") { _, _ in try Self.json(await agent.status()) }
        router.get("/v1/flows") { request, _ in
            let follow = request.uri.queryParameters["follow"] == "true"
            guard let reader = hub.reader(isFollowing: follow) else {
                let sentence = "\(FlowHub.seats) read the records already; end one of them\n"
                return Response(status: .serviceUnavailable, body: .init(byteBuffer: ByteBuffer(string: sentence)))
            }
            return Response(
                status: .ok, headers: [.contentType: "application/jsonl"],
                body: ResponseBody { writer in
                    for record in reader.recent { try await writer.write(Self.line(record)) }
                    for await event in reader.events {
                        let lost = reader.takeLost()
                        if lost > 0 { try await writer.write(Self.line(FlowLoss(lost: lost))) }
                        switch event {
                        case .record(let record): try await writer.write(Self.line(record))
                        case .beat: try await writer.write(ByteBuffer(string: "\n"))
                        }
                    }
                    try await writer.finish(nil)
                })
        }
        router.post("/v1/reload") { _, _ in
            guard let problem = await agent.reload() else { return Response(status: .noContent) }
            return Response(status: .conflict, body: .init(byteBuffer: ByteBuffer(string: problem + "\n")))
        }
        CNIRoutes(pods: pods).add(to: router)
        AdoptionRoute(pods: pods).add(to: router)
        router.post("/v1/stop") { _, _ in
            requestStop()
            return Response(status: .noContent)
        }
        return router
    }

    private func open(_ listen: Endpoint) -> Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: HostCheck(listen: listen))
        addOpen(to: router)
        return router
    }

    private func addOpen(to router: Router<BasicRequestContext>) {
        // That the process answers, for which it asks no actor. To start it again would mend nothing of what /readyz says.
        router.get("/healthz") { _, _ in "the agent runs; /readyz says whether everything is in force\n" }
        router.get("/readyz") { _, _ in
            let reasons = await agent.whyNotReady()
            let text = (reasons.isEmpty ? ["ok"] : Array(reasons.prefix(50))).map { "\($0)\n" }.joined()
            return Response(
                status: reasons.isEmpty ? .ok : .serviceUnavailable, body: .init(byteBuffer: ByteBuffer(string: text)))
        }
        router.get("/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: Metrics.contentType],
                body: .init(byteBuffer: try await page.text()))
        }
    }

    private static func json(_ value: some Encodable) throws -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(string: try JSONText.render(value) + "\n")))
    }

    private static func line(_ value: some Encodable) throws -> ByteBuffer {
        ByteBuffer(string: try JSONText.line(value) + "\n")
    }

    /// A socket file that nobody listens on is a killed agent's; one that answers is a running agent's.
    private func prepare(_ path: String) throws {
        try AdminClient(path: path).refuseIfAnswered()
        try AdminPlaces.requireFree(path)
        AdminPlaces.remove(path)
    }
}

/// Calls something once, after so many steps.
private actor Countdown {
    private var left: Int
    private let then: @Sendable () async -> Void

    init(_ count: Int, then: @escaping @Sendable () async -> Void) {
        left = count
        self.then = then
    }

    func step() async {
        left -= 1
        if left == 0 { await then() }
    }
}
