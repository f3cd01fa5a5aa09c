import Foundation
import TestSupport
import Testing

@testable import WeirAgent

@Suite struct AdminClientTests {
    private static let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    private func read(_ text: String, inPiecesOf size: Int) throws -> (HTTPAnswer, String) {
        var answer = HTTPAnswer()
        var body = Data()
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            try answer.take(bytes[start..<min(start + size, bytes.count)]) { body.append($1) }
        }
        return (answer, String(decoding: body, as: UTF8.self))
    }

    /// However the bytes come, the body is the same.
    @Test(arguments: [1, 2, 3, 7, 1000])
    func readsPieces(_ size: Int) throws {
        let (chunks, text) = try read(
            Self.chunked + "3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\n\r\n", inPiecesOf: size)
        #expect(chunks.isWhole && chunks.isSuccess)
        #expect(text == "abc0123456789abcdef")
        let (whole, other) = try read("HTTP/1.1 409 Conflict\r\ncontent-length: 4\r\n\r\nno.\n", inPiecesOf: size)
        #expect(whole.isWhole && !whole.isSuccess && whole.status == 409)
        #expect(other == "no.\n")
    }

    @Test(arguments: [
        "HELLO\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        chunked + "7fffffffffffffff\r\n", chunked + "-3\r\nabc\r\n", chunked + "zz\r\n",
        "HTTP/1.1 200 OK\r\nx: " + String(repeating: "x", count: 70_000), chunked + String(repeating: "0", count: 2000),
    ])
    func refuses(_ text: String) {
        #expect(throws: HTTPAnswer.Failure.self) { try read(text, inPiecesOf: 1000) }
    }

    /// Mutated answers never end the process, and what is held of them is bounded.
    @Test func mutatedAnswers() {
        let seeds = [
            Self.chunked + "3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"version\":1}", "HTTP/1.1 204 No Content\r\n\r\n",
        ]
        Mutator.rounds(3000) { mutator in
            let text = mutator.pick(seeds)
            let bytes =
                mutator.below(2) == 0 ? mutator.mutate(Array(text.utf8)) : Array(mutator.mutate(tokens: text).utf8)
            var answer = HTTPAnswer()
            var rest = bytes[...]
            while !rest.isEmpty {
                let some = rest.prefix(mutator.below(40) + 1)
                rest = rest.dropFirst(some.count)
                guard (try? answer.take(some) { _, _ in }) != nil else { return }
            }
        }
    }

    /// One that accepts nothing, as a stopped process does: the kernel takes connections in its stead.
    @Test func saysWhoHangs() throws {
        let server = try UnixServer()
        let client = AdminClient(path: server.path)
        let failure = #expect(throws: AgentFailure.self) { _ = try client.status() }
        #expect(failure?.isSilent == true)
        #expect(
            failure?.description.hasPrefix(
                "the agent (pid \(getpid())) does not answer within 5 s on \(server.path); ") == true)
        #expect(client.isAnswered)
        #expect(client.process == getpid())
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"version\"", "not HTTP\r\n\r\n"])
    func saysWhatCannotBeRead(_ text: String) throws {
        let server = try UnixServer()
        server.answer([Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8), Array(text.utf8)])
        let failure = #expect(throws: AgentFailure.self) { _ = try AdminClient(path: server.path).status() }
        #expect(failure?.isSilent == false)
        #expect(failure?.description.contains("cannot be read: it ") == true, "\(String(describing: failure))")
    }

    /// What the agent says when it refuses is what the user reads.
    @Test func handsOnARefusal() throws {
        let server = try UnixServer()
        server.answer([Array("HTTP/1.1 503 Busy\r\nContent-Length: 11\r\n\r\n16 do, end\n".utf8)])
        let failure = #expect(throws: AgentFailure.self) {
            _ = try AdminClient(path: server.path).request("GET", "/v1/flows") { _ in }
        }
        #expect(failure?.description == "16 do, end")
    }

    @Test func nobodyThere() throws {
        #expect(try AdminClient(path: Workspace.newPath("none.sock")).request("GET", "/") { _ in } == nil)
    }
}
