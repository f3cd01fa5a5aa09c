public import Foundation
import Glibc
public import WeirBPF
import WeirCore

/// The CLI's side of the admin API: one HTTP request a connection over the unix socket. It waits, so that commands
/// that only read need no event loop.
public struct AdminClient: Sendable {
    public let path: String

    public init(path: String) {
        self.path = path
    }

    /// Whether somebody accepts connections there.
    public var isAnswered: Bool {
        guard let raw = connected() else { return false }
        close(raw)
        return true
    }

    /// Two that write the same maps would undo each other's work.
    public func refuseIfAnswered() throws {
        if isAnswered {
            throw InvalidValue(
                "an agent runs already and answers on \(path); stop it first, or give this one another agent.socket")
        }
    }

    /// - Returns: nil when no agent answers.
    public func status() -> AgentStatus? {
        var body = Data()
        guard request("GET", "/v1/status", { body.append($0) }) == 200 else { return nil }
        return try? JSONDecoder().decode(AgentStatus.self, from: body)
    }

    /// The process that answers.
    /// - Returns: nil when nobody answers, or somebody in a pid namespace that this process does not see.
    public var process: RunningProcess? {
        guard let raw = connected() else { return nil }
        defer { close(raw) }
        return RunningProcess(listeningAt: raw)
    }

    /// Sends a request and hands the body on as it comes.
    /// - Returns: the HTTP status; nil when no agent answers.
    public func request(_ method: String, _ target: String, _ body: (Data) throws -> Void) rethrows -> Int? {
        guard let raw = connected() else { return nil }
        defer { close(raw) }
        let head = "\(method) \(target) HTTP/1.1\r\nHost: weir\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        guard head.withCString({ write(raw, $0, strlen($0)) }) > 0 else { return nil }
        var received = Data()
        var status: Int?
        var isChunked = false
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(raw, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { break }
            received.append(contentsOf: buffer[..<count])
            if status == nil {
                guard let end = received.range(of: Data("\r\n\r\n".utf8)) else { continue }
                let lines = String(decoding: received[..<end.lowerBound], as: UTF8.self).lowercased()
                status = Self.status(in: lines)
                isChunked = lines.contains("transfer-encoding: chunked")
                received = Data(received[end.upperBound...])
            }
            if isChunked {
                while let chunk = Self.nextChunk(&received) { try body(chunk) }
            } else if !received.isEmpty {
                try body(received)
                received = Data()
            }
        }
        return status
    }

    /// Takes a whole chunk off the front (RFC 9112, 7.1); nil while it is not all there, and for the last, empty one.
    private static func nextChunk(_ received: inout Data) -> Data? {
        guard let line = received.range(of: Data("\r\n".utf8)),
            let size = Int(String(decoding: received[..<line.lowerBound], as: UTF8.self), radix: 16), size > 0,
            received.endIndex >= line.upperBound + size + 2
        else { return nil }
        let chunk = Data(received[line.upperBound..<(line.upperBound + size)])
        received = Data(received[(line.upperBound + size + 2)...])
        return chunk
    }

    private static func status(in head: String) -> Int? {
        head.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    }

    private func connected() -> Int32? {
        let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            close(raw)
            return nil
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if result == 0 { return raw }
        close(raw)
        return nil
    }
}
