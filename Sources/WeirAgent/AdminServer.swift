import Glibc
import Hummingbird
import Logging
import NIOCore
import Synchronization
import WeirBPF
import WeirCore

/// The admin API: everything on a unix socket, and what is safe for everyone on a TCP port of the loopback address.
struct AdminServer: Sendable {
    let agent: Agent
    let hub: FlowHub
    let logger: Logger
    private let stopRequests: AsyncStream<Void>
    private let stop: AsyncStream<Void>.Continuation

    init(agent: Agent, hub: FlowHub, logger: Logger) {
        self.agent = agent
        self.hub = hub
        var quiet = logger
        quiet.logLevel = .warning
        self.logger = quiet
        (stopRequests, stop) = AsyncStream.makeStream()
    }

    /// Returns when somebody asked the agent to stop.
    func stopped() async {
        for await _ in stopRequests { return }
    }

    /// Serves until the task is cancelled.
    func serve(_ configuration: Configuration.Agent, ready: @escaping @Sendable () async -> Void) async throws {
        try prepare(configuration.socket)
        defer { unlink(configuration.socket) }
        let listening = Countdown(2, then: ready)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await Application(
                    router: privileged(), configuration: .init(address: .unixDomainSocket(path: configuration.socket)),
                    onServerRunning: { _ in
                        chmod(configuration.socket, 0o660)
                        await listening.step()
                    }, logger: logger
                ).run()
            }
            group.addTask {
                try await Application(
                    router: open(),
                    configuration: .init(
                        address: .hostname("\(configuration.listen.address)", port: Int(configuration.listen.port))),
                    onServerRunning: { _ in await listening.step() }, logger: logger
                ).run()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func privileged() -> Router<BasicRequestContext> {
        let router = open()
        router.get("/v1/status") { _, _ in try Self.json(await agent.status()) }
        router.get("/v1/flows") { request, _ in
            let follow = request.uri.queryParameters["follow"] == "true"
            let recent = hub.recent
            return Response(
                status: .ok, headers: [.contentType: "application/jsonl"],
                body: ResponseBody { writer in
                    let followed = follow ? hub.follow() : nil
                    for record in recent { try await writer.write(Self.line(record)) }
                    if let followed { for await record in followed { try await writer.write(Self.line(record)) } }
                    try await writer.finish(nil)
                })
        }
        router.post("/v1/reload") { _, _ in
            guard let problem = await agent.reload() else { return Response(status: .noContent) }
            return Response(status: .conflict, body: .init(byteBuffer: ByteBuffer(string: problem + "\n")))
        }
        router.post("/v1/stop") { _, _ in
            stop.yield()
            return Response(status: .noContent)
        }
        return router
    }

    private func open() -> Router<BasicRequestContext> {
        let router = Router()
        router.get("/healthz") { _, _ in "ok\n" }
        router.get("/readyz") { _, _ in "ok\n" }
        router.get("/metrics") { _, _ in
            let text = try Metrics.text(await agent.interceptor.maps)
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
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        mkdir("/\(folder)", 0o755)
        if AdminClient(path: path).isAnswered {
            throw InvalidValue("an agent runs already and answers on \(path); stop it first, or give this one another agent.socket")
        }
        unlink(path)
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
