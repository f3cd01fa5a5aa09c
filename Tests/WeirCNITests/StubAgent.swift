import Foundation
import Synchronization
import TestSupport

/// An agent that notes what it is asked and gives one answer.
final class StubAgent: Sendable {
    struct Request: Equatable {
        var line: String
        var body: String
    }

    let path: String
    private let requests = Mutex<[Request]>([])
    private let listener: Int32
    private let answer: String
    /// Others, by target.
    private let answers: [String: String]
    private let ended = Atomic(false)

    /// - Parameter answer: an HTTP response; empty to hang up without one.
    init(at path: String = Workspace.newPath("agent.sock"), answer: String, _ answers: [String: String] = [:]) throws {
        self.path = path
        self.answers = answers
        self.answer = answer
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(listener, 8) == 0 else { throw TestError("no socket at \(path)") }
        Thread.detachNewThread { [self] in
            while case let client = accept(listener, nil, nil), client >= 0 {
                serve(client)
                close(client)
            }
            // Only here: its number may be another socket's as soon as it is closed.
            close(listener)
            ended.store(true, ordering: .releasing)
        }
    }

    /// What it was asked, in order.
    var asked: [Request] { requests.withLock { $0 } }

    /// A 200 with a JSON body.
    static func ok(_ verdict: String = "intercepted") -> String { response("200 OK", body(verdict)) }

    static func body(_ verdict: String) -> String {
        #"{"schema":"weir.cni/v1","verdict":"\#(verdict)","intercepted":\#(verdict == "intercepted"),"#
            + #""reason":"a stub says so"}"#
    }

    static func response(_ status: String, _ body: String) -> String {
        "HTTP/1.1 \(status)\r\ncontent-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        _ = Eventually.value { ended.load(ordering: .acquiring) ? true : nil }
        unlink(path)
    }

    private func serve(_ client: Int32) {
        var received = Data()
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(client, &buffer, buffer.count)
            guard count > 0 else { return }
            received += buffer[..<count]
            let text = String(decoding: received, as: UTF8.self)
            guard let head = text.range(of: "\r\n\r\n"),
                let length = text.range(of: "Content-Length: ").flatMap({
                    Int(text[$0.upperBound...].prefix { $0.isNumber })
                }),
                text[head.upperBound...].utf8.count >= length
            else { continue }
            let line = text.prefix { $0 != "\r\n" }
            requests.withLock { $0.append(Request(line: String(line), body: String(text[head.upperBound...]))) }
            // One that hangs up may find its client gone.
            let target = line.split(separator: " ").dropFirst().first.map(String.init) ?? ""
            let answer = answers[target] ?? self.answer
            _ = answer.withCString { send(client, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
            return
        }
    }
}
