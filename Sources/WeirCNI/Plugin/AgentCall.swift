import Glibc

/// A request to the agent over its unix socket, HTTP/1.1 (RFC 9112). The agent's answers to the plugin are short and say
/// where they end.
struct AgentCall {
    let path: String

    /// Why there is no answer, for sentences.
    struct Failure: Error {
        let reason: String
    }

    /// - Parameter isPatient: try again until the deadline. An agent that restarts is away for a second or two, and asking
    ///   twice does no harm.
    func ask(
        _ method: String, _ target: String, body: String = "", by deadline: Deadline, isPatient: Bool
    ) throws(Failure) -> AgentAnswer {
        let request = """
            \(method) \(target) HTTP/1.1\r\nHost: weir\r\nConnection: close\r\nContent-Type: application/json\r\n\
            Content-Length: \(body.utf8.count)\r\n\r\n\(body)
            """
        var pause: useconds_t = 20_000
        var last: Failure?
        while true {
            do throws(Failure) {
                return try exchange([UInt8](request.utf8), by: deadline)
            } catch {
                // The last attempt may have had no time left; the one before says more.
                guard isPatient, deadline.millisecondsLeft > 0 else { throw last ?? error }
                last = error
                usleep(pause)
                pause = min(pause * 2, 500_000)
            }
        }
    }

    /// Sends, and reads until the answer is whole.
    private func exchange(_ request: [UInt8], by deadline: Deadline) throws(Failure) -> AgentAnswer {
        let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard raw >= 0 else { throw Self.failure() }
        defer { close(raw) }
        try connect(raw)
        var sent = 0
        while sent < request.count {
            let count = request[sent...].withUnsafeBytes { send(raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count >= 0 { sent += count } else { try Self.waitAfterError(raw, POLLOUT, deadline) }
        }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while received.count <= AgentAnswer.limit {
            let count = recv(raw, &buffer, buffer.count, 0)
            if count < 0 {
                try Self.waitAfterError(raw, POLLIN, deadline)
                continue
            }
            received += buffer[..<count]
            if let answer = try AgentAnswer(received) { return answer }
            guard count > 0 else { throw Failure(reason: "its answer is not whole") }
            // One that sends a byte now and then never has to be waited for.
            guard deadline.millisecondsLeft > 0 else { throw Failure(reason: "its answer takes too long") }
        }
        throw Failure(reason: "its answer has no end")
    }

    private func connect(_ raw: Int32) throws(Failure) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure(reason: "the path is too long for a socket")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Self.failure() }
    }

    /// After a call that failed: waits if it only had to wait.
    private static func waitAfterError(_ raw: Int32, _ events: Int32, _ deadline: Deadline) throws(Failure) {
        if errno == EINTR { return }
        guard errno == EAGAIN else { throw failure() }
        var descriptor = pollfd(fd: raw, events: Int16(events), revents: 0)
        if poll(&descriptor, 1, Int32(deadline.millisecondsLeft)) == 0 {
            throw Failure(reason: "it took the request and did not answer in time")
        }
    }

    private static func failure() -> Failure { Failure(reason: String(cString: strerror(errno))) }
}
