import Foundation
import TestSupport
import Testing

@testable import WeirCNI

/// The built plugin, called as a container runtime calls it: CNI specification 1.1.0, sections 2 to 5.
struct PluginTests {
    /// The result of the plugins before, in a form that no JSON writer would give.
    static let previous = """
        { "cniVersion":"1.0.0" ,"interfaces": [{"name":"weirpods0"},{"name":"veth1"},
          {"name":"eth0","sandbox":"/run/netns/x"}], "x-number": 1.50e+02,
          "ips":[{"interface":2,"address":"10.244.0.5/24"},{"interface":0,"address":"10.244.0.1/24"},
                 {"address":"fd00::5/64"}], "ips2":"\\u00e9" }
        """
    static let pod = "IgnoreUnknown=1;K8S_POD_UID=1-2;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart;Empty="
    private static let podBody =
        #"{"containerID": "abc", "netns": "/run/netns/x", "ifName": "eth0", "podNamespace": "shop", "podName": "cart", "#
        + #""podUID": "1-2", "addresses": ["10.244.0.5/24", "fd00::5/64"]}"#

    static func configuration(
        _ socket: String, version: String = "1.0.0", previous: String? = previous, seconds: Int = 60,
        _ more: String = ""
    ) -> String {
        let result = previous.map { #", "prevResult": \#($0)"# } ?? ""
        return #"{"cniVersion":"\#(version)","name":"pods","type":"weir-cni","socket":"\#(socket)""#
            + #","timeoutSeconds":\#(seconds)"# + more + result + "}"
    }

    static func call(
        _ command: String, _ input: String, arguments: String = pod, without: String? = nil
    ) throws -> ChildProcess.Output {
        var environment = [
            "CNI_COMMAND": command, "CNI_CONTAINERID": "abc", "CNI_NETNS": "/run/netns/x", "CNI_IFNAME": "eth0",
            "CNI_ARGS": arguments, "CNI_PATH": "/opt/cni/bin",
        ]
        if let without { environment[without] = "" }
        return try Command.output(
            [Programs.weirCNI.get()], input: Workspace.write("stdin", input), environment: environment)
    }

    /// An error of the specification, on standard output.
    private static func expect(
        _ result: ChildProcess.Output, error code: Int, _ message: String, version: String = "1.0.0",
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let text = #"{"cniVersion": "\#(version)", "code": \#(code), "msg": \#(JSONOutput.string(message).text)}"#
        #expect(result.output == text + "\n", sourceLocation: sourceLocation)
        #expect(result.status == 1, sourceLocation: sourceLocation)
    }

    private static func silence(_ path: String, _ reason: String = "No such file or directory") -> String {
        "Weir's agent does not answer on \(path) (\(reason)); see that it runs on this node"
    }

    @Test(arguments: ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
    func addAsksTheAgentAndPassesTheResultOn(_ version: String) throws {
        let agent = try StubAgent(answer: StubAgent.ok())
        defer { agent.stop() }
        let result = try Self.call("ADD", Self.configuration(agent.path, version: version))
        #expect(result.status == 0 && result.errors == "")
        #expect(result.output == Self.previous + "\n")
        #expect(agent.asked == [.init(line: "POST /v1/cni/add HTTP/1.1", body: Self.podBody)])
    }

    @Test func checkAndDelAskTheAgentAndPrintNothing() throws {
        let agent = try StubAgent(answer: StubAgent.ok(), ["/v1/cni/del": StubAgent.ok("done")])
        defer { agent.stop() }
        for command in ["CHECK", "DEL"] {
            let result = try Self.call(command, Self.configuration(agent.path))
            #expect(result.status == 0 && result.output == "" && result.errors == "")
        }
        let gone = try Self.call("DEL", Self.configuration(agent.path, previous: nil), without: "CNI_NETNS")
        #expect(gone.status == 0 && gone.output == "" && gone.errors == "")
        let requests = agent.asked
        #expect(requests.map(\.line) == ["check", "del", "del"].map { "POST /v1/cni/\($0) HTTP/1.1" })
        #expect(requests[0].body == Self.podBody && requests[1].body == Self.podBody)
        #expect(requests[2].body.contains(#""netns": "", "#) && requests[2].body.hasSuffix(#""addresses": []}"#))
    }

    @Test func collectsGarbageAndTellsItsStatus() throws {
        let agent = try StubAgent(answer: StubAgent.ok("done"), ["/v1/cni/status": StubAgent.ok("ready")])
        defer { agent.stop() }
        let list =
            #", "cni.dev/valid-attachments": [{"containerID":"a","ifname":"eth0"},{"containerID":"b","ifname":"net1"}]"#
        for more in [list, #", "cni.dev/valid-attachments": null"#] {
            let result = try Self.call("GC", Self.configuration(agent.path, version: "1.1.0", previous: nil, more))
            #expect(result.status == 0 && result.output == "")
        }
        let status = try Self.call("STATUS", Self.configuration(agent.path, version: "1.1.0", previous: nil))
        #expect(status.status == 0 && status.output == "")
        #expect(
            agent.asked == [
                .init(
                    line: "POST /v1/cni/gc HTTP/1.1",
                    body:
                        #"{"valid": [{"containerID": "a", "ifName": "eth0"}, {"containerID": "b", "ifName": "net1"}]}"#),
                .init(line: "POST /v1/cni/gc HTTP/1.1", body: #"{"valid": []}"#),
                .init(line: "GET /v1/cni/status HTTP/1.1", body: ""),
            ])
        // No list is not an empty list, which would have everything removed.
        Self.expect(
            try Self.call("GC", Self.configuration(agent.path, version: "1.1.0")), error: 7,
            "there is no list cni.dev/valid-attachments, and GC needs it", version: "1.1.0")
    }

    @Test func versionNeedsNothing() throws {
        let versions = #""supportedVersions": ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]}"#
        for (input, version) in [(#"{"cniVersion":"0.4.0"}"#, "0.4.0"), ("", "1.1.0")] {
            let result = try Self.call("VERSION", input)
            #expect(result.output == #"{"cniVersion": "\#(version)", "# + versions + "\n" && result.status == 0)
        }
    }

    /// Without the agent no pod starts that may be meshed; others do, and every pod can be deleted.
    @Test func withoutTheAgent() throws {
        let path = Workspace.newPath("nobody.sock")
        let sentence = "pod shop/cart is not known to be intercepted: \(Self.silence(path))"
        let configuration = Self.configuration(path, seconds: 1)
        Self.expect(try Self.call("ADD", configuration), error: 11, sentence)
        Self.expect(try Self.call("CHECK", configuration), error: 11, sentence)

        let allowed = try Self.call("ADD", Self.configuration(path, seconds: 1, #", "failurePolicy": "allow""#))
        #expect(allowed.status == 0 && allowed.output == Self.previous + "\n")
        #expect(allowed.errors == "weir-cni: \(sentence)\n")
        let excluded = try Self.call(
            "ADD", Self.configuration(path, seconds: 1, #", "excludeNamespaces": ["a", "shop"]"#))
        #expect(excluded.status == 0 && excluded.output == Self.previous + "\n")

        let deleted = try Self.call("DEL", configuration)
        #expect(deleted.status == 0 && deleted.output == "" && deleted.errors == "weir-cni: \(Self.silence(path))\n")

        let newest = Self.configuration(path, version: "1.1.0", previous: nil, seconds: 1)
        Self.expect(try Self.call("STATUS", newest), error: 50, Self.silence(path), version: "1.1.0")
        let status = try Self.call(
            "STATUS",
            Self.configuration(path, version: "1.1.0", previous: nil, seconds: 1, #", "failurePolicy": "allow""#))
        #expect(status.status == 0 && status.output == "")
    }

    /// What is no pod, such as a container of nerdctl, is none of Weir's business.
    @Test func aContainerWithoutAPodIsPassedOn() throws {
        let result = try Self.call("ADD", Self.configuration("/nobody.sock"), arguments: "IgnoreUnknown=1")
        #expect(result.status == 0 && result.output == Self.previous + "\n" && result.errors == "")
    }

    /// An agent that restarts is waited for.
    @Test func theAgentComesLate() throws {
        let path = Workspace.newPath("late.sock")
        let configuration = Self.configuration(path)
        let environment = [
            "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "abc", "CNI_NETNS": "/run/netns/x", "CNI_IFNAME": "eth0",
            "CNI_ARGS": Self.pod,
        ]
        let call = try ChildProcess(
            [Programs.weirCNI.get()], input: Workspace.write("stdin", configuration), environment: environment)
        // It takes the first connection and dies, as an agent that is killed at work does.
        let dying = try StubAgent(at: path, answer: "")
        let asked = Eventually.value { dying.asked.isEmpty ? nil : true }
        #expect(asked == true)
        dying.stop()
        let agent = try StubAgent(at: path, answer: StubAgent.ok())
        defer { agent.stop() }
        let result = try call.wait(limit: 60)
        #expect(result.status == 0 && result.output == Self.previous + "\n")
        #expect(agent.asked.count == 1)
    }

    @Test(arguments: [
        (
            StubAgent.response("409 Conflict", #"{"error":"annotation x is not a port; write one"}"#), 100,
            "annotation x is not a port; write one"
        ),
        (
            StubAgent.response("503 Service Unavailable", #"{"error":"the pod is not known yet"}"#), 11,
            "the pod is not known yet"
        ),
        (StubAgent.response("500 Oops", "no JSON"), 11, "HTTP status 500"),
    ])
    func theAgentRefuses(_ answer: String, _ code: Int, _ sentence: String) throws {
        let agent = try StubAgent(answer: answer)
        defer { agent.stop() }
        let configuration = Self.configuration(agent.path)
        let prefix = "pod shop/cart is not known to be intercepted: "
        Self.expect(try Self.call("ADD", configuration), error: code, "\(prefix)Weir's agent says: \(sentence)")
        let deleted = try Self.call("DEL", configuration)
        #expect(deleted.status == 0 && deleted.errors == "weir-cni: Weir's agent says: \(sentence)\n")
        let allowed = try Self.call("ADD", Self.configuration(agent.path, #", "failurePolicy": "allow""#))
        #expect(allowed.status == 0 && allowed.output == Self.previous + "\n")
    }

    /// Half an answer, or something that is not HTTP, is no answer.
    @Test(arguments: ["", "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}", "HTTP/1.1 200", "SSH-2.0-x\r\n\r\n"])
    func anAnswerThatIsNoneDoesNotCount(_ answer: String) throws {
        let agent = try StubAgent(answer: answer)
        defer { agent.stop() }
        let sentence = Self.silence(agent.path, "its answer is not whole")
        Self.expect(
            try Self.call("ADD", Self.configuration(agent.path, seconds: 3)), error: 11,
            "pod shop/cart is not known to be intercepted: \(sentence)")
    }

    @Test(arguments: [
        (
            "ADD", #"{"cniVersion":"0.2.0"}"#, 1,
            "the network configuration has cniVersion \"0.2.0\"; weir-cni speaks 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"
        ),
        (
            "ADD", "{}", 1,
            "the network configuration has cniVersion none; weir-cni speaks 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"
        ),
        ("CHECK", #"{"cniVersion":"0.3.1"}"#, 1, "CHECK came with CNI 0.4.0, but the network configuration has 0.3.1"),
        (
            "STATUS", #"{"cniVersion":"1.0.0"}"#, 1,
            "STATUS came with CNI 1.1.0, but the network configuration has 1.0.0"
        ),
        (
            "REMOVE", #"{"cniVersion":"1.0.0"}"#, 4,
            "CNI_COMMAND is \"REMOVE\"; weir-cni knows ADD, DEL, CHECK, STATUS, GC, VERSION"
        ),
        (
            "ADD", "{", 6,
            "the network configuration on standard input is not JSON: line 1: a key in double quotes is missing"
        ),
        (
            "ADD", #"{"cniVersion":"1.0.0"}"#, 7,
            "there is no prevResult; weir-cni makes no interface, so chain it after a plugin that does"
        ),
        (
            "ADD", #"{"cniVersion":"1.0.0","failurePolicy":"maybe"}"#, 7,
            "failurePolicy of the network configuration's weir-cni entry should be \"block\" or \"allow\"; `weir cni install` writes it anew"
        ),
        (
            "ADD", #"{"cniVersion":"1.0.0","socket":1}"#, 7,
            "socket of the network configuration's weir-cni entry should be an absolute path; `weir cni install` writes it anew"
        ),
    ])
    func badInput(_ command: String, _ input: String, _ code: Int, _ message: String) throws {
        let version = (try? JSONDocument([UInt8](input.utf8)).root["cniVersion"]?.string) ?? "1.1.0"
        Self.expect(try Self.call(command, input), error: code, message, version: version)
        let deleted = try Self.call("DEL", input)
        #expect(deleted.status == 0 && deleted.output == "")
    }

    @Test(arguments: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"])
    func missingVariables(_ name: String) throws {
        Self.expect(
            try Self.call("ADD", Self.configuration("/nobody.sock"), without: name), error: 4,
            "\(name) is not set, and ADD needs it")
    }

    @Test func runsWithoutAnythingOfTheNode() throws {
        let folder = Workspace.newPath("root")
        for path in [folder, "\(folder)/proc"] { mkdir(path, 0o755) }
        try FileManager.default.copyItem(atPath: Programs.weirCNI.get(), toPath: "\(folder)/weir-cni")
        // Neither libraries nor a Swift runtime; only /proc, which every node has.
        let result = try Command.output(
            ["/usr/bin/unshare", "-m", "sh", "-c", "mount -t proc proc $0/proc && exec chroot $0 /weir-cni", folder],
            environment: ["CNI_COMMAND": "VERSION"])
        #expect(result.status == 0 && result.output.contains("1.1.0"))
        expectUsage(try Command.output([Programs.weirCNI.get()]))
    }

    private func expectUsage(_ result: ChildProcess.Output) {
        #expect(result.status == 64 && result.output == "")
        #expect(result.errors.contains("weir cni install"))
    }
}
