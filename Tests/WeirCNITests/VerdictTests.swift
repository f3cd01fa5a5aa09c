import TestSupport
import Testing

@testable import WeirCNI

/// What of an agent's answers lets a pod start.
struct VerdictTests {
    /// A pod that needs no interception starts, too; and an answer may come in chunks.
    @Test(arguments: ["exempt", "iptables", "intercepted"])
    func aPositiveAnswerIsASuccess(_ verdict: String) throws {
        let body = StubAgent.body(verdict)
        let (first, second) = (body.prefix(20), body.dropFirst(20))
        let chunks = [first, second].map { String($0.utf8.count, radix: 16) + "\r\n\($0)\r\n" }.joined()
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for answer in [StubAgent.ok(verdict), head + chunks + "0\r\n\r\n"] {
            let agent = try StubAgent(answer: answer)
            defer { agent.stop() }
            for command in ["ADD", "CHECK"] {
                #expect(try PluginTests.call(command, PluginTests.configuration(agent.path, seconds: 3)).status == 0)
            }
        }
    }

    /// What answers is not Weir's agent, or half of it, or answers something else: the pod does not start.
    @Test(arguments: [
        StubAgent.response("200 OK", ""), StubAgent.response("200 OK", "{}"), StubAgent.response("200 OK", "true"),
        StubAgent.response("200 OK", #"{"intercepted":true,"reason":"no kind"}"#),
        StubAgent.response("200 OK", #"{"intercepted":false,"reason":"no kind"}"#),
        StubAgent.ok("ready"), StubAgent.ok("done"), StubAgent.ok("maybe"),
        StubAgent.response("200 OK", StubAgent.body("exempt").replacing("false", with: "true")),
        StubAgent.response("200 OK", StubAgent.body("exempt").replacing("/v1", with: "/v2")),
        StubAgent.response("200 OK", String(StubAgent.body("exempt").dropLast())),
        StubAgent.response("201 Created", StubAgent.body("intercepted")),
        StubAgent.response("404 Not Found", StubAgent.body("intercepted")),
        StubAgent.response("500 Oops", StubAgent.body("intercepted")),
        StubAgent.response("503 Service Unavailable", StubAgent.body("exempt")),
        String(StubAgent.ok().dropLast()), StubAgent.ok() + "x",
        "HTTP/1.1 200 OK\r\n\r\n" + StubAgent.body("intercepted"),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"sch\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 200_000),
    ])
    func aLieIsNoSuccess(_ answer: String) throws {
        let agent = try StubAgent(answer: answer)
        defer { agent.stop() }
        for command in ["ADD", "CHECK"] {
            let result = try PluginTests.call(command, PluginTests.configuration(agent.path, seconds: 1))
            #expect(result.status == 1 && result.output.contains("shop/cart is not known to be intercepted"))
        }
        let status = try PluginTests.call(
            "STATUS", PluginTests.configuration(agent.path, version: "1.1.0", previous: nil, seconds: 1))
        #expect(answer == StubAgent.ok("ready") ? status.status == 0 : status.status == 1)
        #expect(try PluginTests.call("DEL", PluginTests.configuration(agent.path, seconds: 1)).status == 0)
    }
}
