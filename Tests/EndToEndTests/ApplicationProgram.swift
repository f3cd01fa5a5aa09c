import Foundation
import TestSupport

/// Programs that people run, each made to send bytes, get them back, and tell what they saw.
enum ApplicationProgram: String, CaseIterable, Sendable {
    case curl, python3, java, node, socat

    struct Observation {
        /// getpeername (Java: what it remembers of connect()) and getsockname.
        var peer: Endpoint?
        var local: Endpoint?
        /// Every byte came back as it was sent.
        var intact: Bool
        /// What the server at the other end saw.
        var facts: Facts?
    }

    /// 1 MiB in which no two blocks are alike.
    private static let payload = Result {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        let bytes = (0..<(1 << 17)).flatMap { _ -> [UInt8] in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return withUnsafeBytes(of: state) { Array($0) }
        }
        let path = try Workspace.write("payload")
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let request = try Workspace.write("payload-after-echo")
        try (Data("echo\n".utf8) + Data(bytes)).write(to: URL(fileURLWithPath: request))
        return (data: Data(bytes), path: path, request: request)
    }

    func talk(to destination: Endpoint, in place: Place) throws -> Observation {
        switch self {
        case .curl: try talkByCurl(destination, place)
        case .socat: try talkBySocat(destination, place)
        case .python3: try talkByScript(["/usr/bin/python3", Workspace.fixture("exercise.py")], destination, place)
        case .node: try talkByScript(["node", Workspace.fixture("exercise.js")], destination, place)
        case .java:
            try talkByScript(
                ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", Workspace.fixture("Exercise.java")],
                destination, place)
        }
    }

    /// The programs of `Tests/Fixtures` print this.
    private struct Script: Decodable {
        let getpeername, getsockname, facts: String
        let intact: Bool
    }

    private func talkByScript(_ command: [String], _ to: Endpoint, _ place: Place) throws -> Observation {
        let path = try Self.payload.get().path
        let output = try Command.run(command + [to.address, String(to.port), path], in: place)
        let seen = try JSONDecoder().decode(Script.self, from: Data(output.utf8))
        return Observation(
            peer: Endpoint(seen.getpeername), local: Endpoint(seen.getsockname), intact: seen.intact,
            facts: Facts(seen.facts))
    }

    private func talkByCurl(_ to: Endpoint, _ place: Place) throws -> Observation {
        let payload = try Self.payload.get()
        let headers = try Workspace.write("curl-headers")
        let body = try Workspace.write("curl-body")
        let names = try Command.run(
            [
                "curl", "-sS", "--max-time", "60", "-H", "Expect:", "--data-binary", "@\(payload.path)", "-D", headers,
                "-o", body, "-w", "[%{remote_ip}]:%{remote_port} [%{local_ip}]:%{local_port}", "http://\(to)/echo",
            ], in: place
        ).split(separator: " ")
        let facts = Workspace.read(headers).split(separator: "\r\n").first { $0.hasPrefix("X-Weir: ") }
        return Observation(
            peer: Endpoint(names.first.map(String.init)), local: Endpoint(names.last.map(String.init)),
            intact: FileManager.default.contents(atPath: body) == payload.data,
            facts: facts.flatMap { Facts(String($0.dropFirst(8))) })
    }

    /// socat does not say what getpeername returns, so a second socat hands its connection to `weir-exercise adopt`.
    private func talkBySocat(_ to: Endpoint, _ place: Place) throws -> Observation {
        let payload = try Self.payload.get()
        let target = (to.address.contains(":") ? "TCP6:" : "TCP4:") + "\(to)"
        let received = try Command.output(["socat", "-t", "60", "-", target], in: place, input: payload.request).bytes
        let end = received.firstIndex(of: 10) ?? received.startIndex
        let adopt = "EXEC:\(try Programs.exercise.get()) adopt,nofork"
        let adopted = try Attempt.adopted(Command.output(["socat", target, adopt], in: place))
        return Observation(
            peer: adopted.peer, local: adopted.local, intact: Data(received[end...].dropFirst()) == payload.data,
            facts: adopted.facts)
    }
}
