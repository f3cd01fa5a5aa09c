import Glibc
import Hummingbird
import Logging
import NIOCore
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
    private let stopRequests: AsyncStream<Void>
    private let stop: AsyncStream<Void>.Continuation

    init(agent: Agent, hub: FlowHub, pods: PodKeeper?, logger: Logger) {
        self.agent = agent
        self.hub = hub
        self.pods = pods
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
        let local = Application(
            router: privileged(), configuration: .init(address: .unixDomainSocket(path: configuration.socket)),
            onServerRunning: { _ in
                chmod(configuration.socket, 0o660)
                await listening.step()
            }, logger: logger)
        let web = Application(
            router: open(),
            configuration: .init(
                address: .hostname("\(configuration.listen.address)", port: Int(configuration.listen.port))),
            onServerRunning: { _ in await listening.step() }, logger: logger)
        let services = ServiceGroup(
            configuration: .init(services: [.init(service: local), .init(service: web)], logger: logger))
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
            try await tasks.next()
        }
    }

    private func privileged() -> Router<BasicRequestContext> {
        let router = open()
        router.get("/v1/status") { _, _ in try Self.json(await agent.status()) }
        router.get("/v1/flows") { request, _ in
            let follow = request.uri.queryParameters["follow"] == "true"
            return Response(
                status: .ok, headers: [.contentType: "application/jsonl"],
                body: ResponseBody { writer in
                    let followed = follow ? hub.follow() : nil
                    for record in followed?.recent ?? hub.recent { try await writer.write(Self.line(record)) }
                    if let followed { for await record in followed.next { try await writer.write(Self.line(record)) } }
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

    private func open() -> Router<BasicRequestContext> {
        let router = Router()
        router.get("/healthz") { _, _ in "ok\n" }
        router.get("/readyz") { _, _ in "ok\n" }
        router.get("/metrics") { _, _ in
            let text = try await agent.metrics()
            return Response(
                status: .ok, headers: [.contentType: Metrics.contentType],
                body: .init(byteBuffer: ByteBuffer(string: text)))
        }
        return router
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
