import Foundation
import Hummingbird
import NIOCore
import NIOFoundationCompat

/// The routes of the admin socket that the CNI plugin calls. 200 means that the pod may start.
struct CNIRoutes: Sendable {
    /// Nil: the configuration takes no pods.
    let pods: PodKeeper?

    func add(to router: Router<BasicRequestContext>) {
        router.post("/v1/cni/add") { request, _ in
            try await answer(request) { try await $0.add($1) }
        }
        router.post("/v1/cni/check") { request, _ in
            try await answer(request) { try await $0.check($1) }
        }
        router.post("/v1/cni/del") { request, _ in
            try await answer(request) { await $0.delete($1) }
        }
        router.post("/v1/cni/gc") { request, _ in
            try await answer(request) { await $0.collect($1) }
        }
        router.get("/v1/cni/status") { _, _ in
            try await respond { try await keeper().readiness() }
        }
    }

    private func answer<Body: Decodable & Sendable>(
        _ request: Request, _ body: @Sendable (PodKeeper, Body) async throws -> CNIAnswer
    ) async throws -> Response {
        let bytes = try await request.body.collect(upTo: 1 << 20)
        return try await respond {
            let message: Body
            do {
                message = try JSONDecoder().decode(Body.self, from: bytes)
            } catch {
                throw CNIError(status: 400, sentence: "the plugin's request cannot be read: \(error)")
            }
            return try await body(try keeper(), message)
        }
    }

    private func keeper() throws(CNIError) -> PodKeeper {
        guard let pods else {
            throw CNIError(
                status: 503,
                sentence: "the agent does not follow pods; set agent.kubernetes.enabled in its configuration")
        }
        return pods
    }

    private func respond(_ body: () async throws -> CNIAnswer) async throws -> Response {
        do {
            return try Self.json(try await body(), .ok)
        } catch let error as CNIError {
            return try Self.json(error.body, .init(code: error.status))
        }
    }

    private static func json(_ value: some Encodable, _ status: HTTPResponse.Status) throws -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(string: try JSONText.line(value) + "\n")))
    }
}
