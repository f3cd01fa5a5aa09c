public import Foundation
import Glibc
import WeirBPF
import WeirCore

/// The CLI's side of the admin API: one HTTP request a connection over the unix socket. It waits, so that commands
/// that only read need no event loop, and never for longer than it says.
public struct AdminClient: Sendable {
    public let path: String
    /// How long an agent may take before it hangs, in seconds.
    public static let patience = 5

    public init(path: String) {
        self.path = path
    }

    /// Whether somebody accepts connections there, or is too busy to.
    public var isAnswered: Bool {
        guard let raw = makeSocket() else { return false }
        defer { close(raw) }
        return connect(raw) || errno == EAGAIN
    }

    /// Two that write the same maps would undo each other's work.
    public func refuseIfAnswered() throws {
        if isAnswered {
            throw InvalidValue(
                "an agent runs already and answers on \(path); stop it first, or give this one another agent.socket")
        }
    }

    /// - Returns: nil when no agent is there.
    /// - Throws: `AgentFailure` when there is one that does not answer.
    public func status() throws -> AgentStatus? {
        // No actor has a part in this answer: an agent that is only busy gives it.
        guard try request("GET", "/healthz", { _ in }) != nil else { return nil }
        var body = Data()
        let status = try request("GET", "/v1/status", first: 3 * Self.patience) { part in
            guard body.count + part.count <= 64 << 20 else { throw unreadable("it has no end") }
            body.append(part)
        }
        guard status != nil else { return nil }
        do {
            return try JSONDecoder().decode(AgentStatus.self, from: body)
        } catch {
            throw unreadable("it is no status")
        }
    }

    /// For those who can read the kernel instead: why there is an agent without an answer.
    public func statusOrFailure() throws -> (AgentStatus?, AgentFailure?) {
        do {
            return (try status(), nil)
        } catch let failure as AgentFailure {
            return (nil, failure)
        }
    }

    /// The process that listens. Nil when nobody does, or somebody in a pid namespace that this process does not see.
    public var process: Int32? {
        guard let raw = makeSocket() else { return nil }
        defer { close(raw) }
        guard connect(raw) else { return nil }
        let pid = RunningProcess.listening(at: raw)
        return pid > 0 ? pid : nil
    }

    /// Sends a request and hands the body on as it comes, if the agent does what is asked.
    /// - Parameters:
    ///   - first: seconds until the first byte of the answer.
    ///   - between: seconds from one to the next.
    /// - Returns: the HTTP status, 2xx; nil when no agent is there.
    /// - Throws: `AgentFailure`, with the agent's own sentence when it refuses; and what `body` throws.
    public func request(
        _ method: String, _ target: String, first: Int = patience, between: Int = patience,
        _ body: (Data) throws -> Void
    ) throws -> Int? {
        guard let raw = makeSocket() else { return nil }
        defer { close(raw) }
        let end = ContinuousClock.now + .seconds(Self.patience)
        while !connect(raw) {
            guard errno == EAGAIN else { return nil }
            guard .now < end else { throw silent(0, Self.patience) }
            usleep(20_000)
        }
        let pid = RunningProcess.listening(at: raw)
        let head = "\(method) \(target) HTTP/1.1\r\nHost: weir\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        guard send(raw, head, head.utf8.count, Int32(MSG_NOSIGNAL)) == head.utf8.count else { return nil }
        var answer = HTTPAnswer()
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var isFirst = true
        var refusal = Data()
        while !answer.isWhole {
            let patience = isFirst ? first : between
            guard try wait(raw, seconds: patience) else { throw silent(pid, patience) }
            let count = recv(raw, &buffer, buffer.count, 0)
            if count < 0 && (errno == EINTR || errno == EAGAIN) { continue }
            guard count > 0 else { throw unreadable("it ends in the middle", pid) }
            isFirst = false
            do {
                try answer.take(buffer[..<count]) { isSuccess, part in
                    if isSuccess { try body(part) } else { refusal.append(part.prefix(4096 - refusal.count)) }
                }
            } catch let error as HTTPAnswer.Failure {
                throw unreadable(error.reason, pid)
            }
        }
        if answer.isSuccess { return answer.status }
        let sentence = String(decoding: refusal, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        let status = answer.status ?? 0
        throw AgentFailure(
            isSilent: false,
            description: sentence.isEmpty ? "the agent\(Self.name(pid)) answers \(target) with \(status)" : sentence)
    }

    /// - Returns: false when the time is over.
    private func wait(_ raw: Int32, seconds: Int) throws -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            let left = max(.zero, end - .now)
            var waiting = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
            let result = poll(&waiting, 1, Int32(left / .milliseconds(1)) + 1)
            if result > 0 { return true }
            if result == 0 || errno != EINTR { return false }
        }
    }

    private func silent(_ pid: Int32, _ seconds: Int) -> AgentFailure {
        AgentFailure(
            isSilent: true,
            description: "the agent\(Self.name(pid)) does not answer within \(seconds) s on \(path); interception goes "
                + "on without it, and weir unload ends it")
    }

    private func unreadable(_ why: String, _ pid: Int32 = 0) -> AgentFailure {
        AgentFailure(
            isSilent: false,
            description: "the answer of the agent\(Self.name(pid)) on \(path) cannot be read: \(why); look at its log")
    }

    private static func name(_ pid: Int32) -> String { pid > 0 ? " (pid \(pid))" : "" }

    private func makeSocket() -> Int32? {
        let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let raw = socket(AF_UNIX, Int32(type), 0)
        return raw < 0 ? nil : raw
    }

    /// - Returns: false with an errno; EAGAIN when those who wait to be accepted are too many.
    private func connect(_ raw: Int32) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            errno = ENAMETOOLONG
            return false
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }
}

/// An agent is there, but its answer is not: one sentence.
public struct AgentFailure: Error, Sendable, CustomStringConvertible {
    /// It hangs; else what it says cannot be read.
    public let isSilent: Bool
    public let description: String
}
