import Hummingbird
import NIOCore
import WeirCore

/// Refuses requests that a web page made under a name of its own for this host (DNS rebinding): an address cannot be
/// rebound, and "localhost" is nobody's. RFC 9110, 7.4 has the status for it.
struct HostCheck<Context: RequestContext>: RouterMiddleware {
    let listen: Endpoint

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if HostHeader.isAllowed(request.head.authority, listen.address) { return try await next(request, context) }
        let sentence = "ask for an address or localhost in the Host header; other names do not lead here\n"
        return Response(
            status: .misdirectedRequest, headers: [.contentType: "text/plain; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: sentence)))
    }

}

enum HostHeader {
    /// - Parameter host: nil in requests of HTTP/1.0, which no browser makes.
    static func isAllowed(_ host: String?, _ listen: Address) -> Bool {
        guard let host, !host.isEmpty else { return true }
        let name = name(host)
        if name.lowercased() == "localhost" { return true }
        guard let address = Address(name) else { return false }
        // Who listens on every address is asked for by any of them.
        return address.isLoopback || address == listen || listen.isUnspecified
    }

    /// Without the port and the brackets of IPv6.
    private static func name(_ host: String) -> String {
        if host.first == "[" { return String(host.dropFirst().prefix { $0 != "]" }) }
        return String(host.prefix { $0 != ":" })
    }
}
