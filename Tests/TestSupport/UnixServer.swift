import Foundation

/// A process's worth of an agent that misbehaves: listens on a unix socket, and answers each connection with what it is
/// given, or never.
public final class UnixServer: Sendable {
    public let path: String
    private let raw: Int32

    public init() throws {
        path = Workspace.newPath("agent.sock")
        raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(raw, 64) == 0 else { throw TestError("cannot listen on \(path)") }
    }

    deinit {
        shutdown(raw, Int32(SHUT_RDWR))
        close(raw)
    }

    /// Answers so many connections on a thread of its own.
    public func answer(_ bytes: [[UInt8]]) {
        let raw = raw
        Thread.detachNewThread {
            for answer in bytes {
                let one = accept(raw, nil, nil)
                guard one >= 0 else { return }
                var request = [UInt8](repeating: 0, count: 4096)
                _ = recv(one, &request, request.count, 0)
                _ = send(one, answer, answer.count, Int32(MSG_NOSIGNAL))
                close(one)
            }
        }
    }
}
