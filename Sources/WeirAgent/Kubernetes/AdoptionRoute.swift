import Hummingbird
import NIOCore

/// `POST /v1/adopt?pod=NAMESPACE/NAME[&undo=true]`: 204, or a sentence.
struct AdoptionRoute: Sendable {
    /// Nil: the configuration takes no pods.
    let pods: PodKeeper?

    func add(to router: Router<BasicRequestContext>) {
        router.post("/v1/adopt") { request, _ in
            do {
                guard let pods else {
                    throw AdoptionError(
                        status: 409, sentence: "the agent follows no pods; set agent.kubernetes.enabled")
                }
                guard let name = request.uri.queryParameters["pod"] else {
                    throw AdoptionError(status: 400, sentence: "the request names no pod")
                }
                if request.uri.queryParameters["undo"] == "true" {
                    try await pods.restoreRules(of: String(name))
                } else {
                    try await pods.replaceRules(of: String(name))
                }
                return Response(status: .noContent)
            } catch {
                let status = (error as? AdoptionError)?.status ?? 500
                return Response(
                    status: .init(code: status), body: .init(byteBuffer: ByteBuffer(string: "\(error)\n")))
            }
        }
    }
}
