import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import WeirKubernetes

@Suite struct PodWatchTests {
    /// Follows the pods of a fake API server and notes what it hears, a line an event.
    private final class Follower: Sendable {
        private let sink = Sink()
        private let task: Task<Void, Never>

        convenience init(_ server: FakeAPIServer, _ credentials: ClusterAccess.Credentials = .none) throws {
            try self.init(ClusterAccess(server: server.url, authorities: nil, credentials: credentials))
        }

        init(_ access: ClusterAccess) throws {
            let api = try APIServer(access)
            let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            let sink = sink
            task = Task {
                await PodWatch(api, node: "node-1", logger: quiet).run { sink.add($0) }
                await api.close()
            }
        }

        deinit { task.cancel() }

        var events: [String] { sink.events.withLock { $0 } }

        func waits(for expected: String) -> Bool {
            Eventually.value { events.contains { $0.contains(expected) } ? true : nil } ?? false
        }
    }

    private final class Sink: Sendable {
        let events = Mutex<[String]>([])

        func add(_ event: PodWatch.Event) {
            let line =
                switch event {
                case .all(let pods, let odd):
                    "all " + (pods.map(\.name).sorted() + odd.map { "odd \($0.name ?? "?")" }).joined(separator: " ")
                case .odd(let object): "odd \(object.name ?? "?"): \(object.sentence)"
                case .changed(let object):
                    switch Result(catching: object.read) {
                    case .success(let pod): "changed \(pod.name)"
                    case .failure(let odd): "odd \(odd.object.name ?? "?"): \(odd)"
                    }
                case .deleted(let pod): "deleted \(pod.name)"
                case .failed(let sentence): "failed \(sentence)"
                }
            events.withLock { $0.append(line) }
        }
    }

    private func pod(_ name: String) -> String {
        """
        {"metadata": {"name": "\(name)", "namespace": "shop", "uid": "\(name)"},
         "spec": {"nodeName": "node-1", "containers": [{"name": "app"}]}}
        """
    }

    @Test("one list, one watch, only this node's pods")
    func follows() throws {
        let server = try FakeAPIServer()
        try server.put(pod("one"))
        let follower = try Follower(server)
        #expect(follower.waits(for: "all shop/one"))
        try server.put(pod("two"))
        #expect(follower.waits(for: "changed shop/two"))
        try server.delete(namespace: "shop", name: "one")
        #expect(follower.waits(for: "deleted shop/one"))
        let requests = try server.requests()
        #expect(requests.count == 2, "\(requests)")
        #expect(requests.allSatisfy { $0.contains("fieldSelector=spec.nodeName%3Dnode-1") })
        #expect(requests[0].hasSuffix("resourceVersion=0"))
        #expect(requests[1].contains("watch=true&allowWatchBookmarks=true"))
    }

    @Test("a watch that ends goes on where it was, by the bookmark, without a list")
    func resumes() throws {
        let server = try FakeAPIServer()
        try server.put(pod("one"))
        let follower = try Follower(server)
        #expect(follower.waits(for: "all shop/one"))
        let watches = try Eventually.value { try server.requests().contains { $0.contains("watch=true") } ? true : nil }
        #expect(watches == true)
        for _ in 0..<3 { try server.bookmark() }
        try server.endWatches()
        try server.put(pod("two"))
        #expect(follower.waits(for: "changed shop/two"))
        let requests = try server.requests()
        #expect(requests.filter { !$0.contains("watch=true") }.count == 1, "\(requests)")
        // The pod was version 101; three bookmarks came after it.
        #expect(requests.last?.contains("resourceVersion=104&") == true, "\(requests)")
        #expect(follower.events.filter { $0 == "changed shop/two" }.count == 1)
    }

    @Test("a version that is no longer kept is listed anew, and not from the server's memory")
    func expires() throws {
        let server = try FakeAPIServer()
        try server.put(pod("one"))
        let follower = try Follower(server)
        #expect(follower.waits(for: "all shop/one"))
        try server.delete(namespace: "shop", name: "one")
        try server.put(pod("two"))
        try server.expire()
        #expect(follower.waits(for: "all shop/two"))
        let lists = try server.requests().filter { !$0.contains("watch=true") }
        #expect(lists.count == 2)
        #expect(lists[1].hasSuffix("fieldSelector=spec.nodeName%3Dnode-1"))
    }

    @Test("the token is read again, and a refusal says what to do")
    func token() throws {
        let server = try FakeAPIServer()
        try server.require(token: "first")
        let file = try Workspace.write("token", "wrong")
        let follower = try Follower(server, .tokenFile(file))
        #expect(follower.waits(for: "failed the API server answered 401: Unauthorized; check the token"))
        try "first\n".write(toFile: file, atomically: true, encoding: .utf8)
        #expect(follower.waits(for: "all "))
        try server.require(token: "second")
        try "second\n".write(toFile: file, atomically: true, encoding: .utf8)
        try server.endWatches()
        try server.put(pod("two"))
        #expect(follower.waits(for: "changed shop/two"))
    }

    @Test("the cluster's authority is read again when it changes, and no other is believed")
    func authority() throws {
        let (new, other) = (try certificate(), try certificate())
        let server = try FakeAPIServer(certificate: new)
        let file = try Workspace.write("ca.crt", Workspace.read(other))
        let access = ClusterAccess(
            server: server.url, authorities: Workspace.read(file), authorityFile: file, credentials: .none)
        let follower = try Follower(access)
        #expect(follower.waits(for: "failed "))
        #expect(!follower.events.contains { $0.hasPrefix("all ") })
        try Workspace.read(new).write(toFile: file, atomically: true, encoding: .utf8)
        #expect(follower.waits(for: "all "))
    }

    /// Signed by itself, with its key.
    private func certificate() throws -> String {
        let (key, path) = (Workspace.newPath("key.pem"), Workspace.newPath("certificate.pem"))
        try Command.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2",
            "-subj", "/CN=fake", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", path,
        ])
        try (Workspace.read(path) + Workspace.read(key)).write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test("an odd object, and an odd line, are told and skipped; the others are followed")
    func odd() throws {
        let server = try FakeAPIServer()
        try server.put(pod("one"))
        try server.put(pod("bad").replacing(#""uid": "bad""#, with: #""annotations": [1]"#))
        try server.put(pod("worse").replacing(#"[{"name": "app"}]"#, with: "null"))
        let follower = try Follower(server)
        #expect(follower.waits(for: "all shop/one odd shop/bad odd shop/worse"))
        let user = #"[{"name": "app", "securityContext": {"runAsUser": VALUE}}]"#
        for (index, value) in ["\"1337\"", "9223372036854775808", "[]"].enumerated() {
            try server.put(
                pod("user-\(index)").replacing(
                    #"[{"name": "app"}]"#, with: user.replacing("VALUE", with: value)))
        }
        let lines = [
            "]}}", #"{"type":"ADDED","object":{"#, "null", #"{"type":"ADDED"}"#, #"{"type":"JUMPED","object":{}}"#,
        ]
        for line in lines {
            try server.send(line: line)
        }
        try server.put(pod("labels").replacing(#""uid": "#, with: #""labels": null, "uid": "#))
        #expect(follower.waits(for: "changed shop/labels"))
        for index in 0..<3 { #expect(follower.waits(for: "odd shop/user-\(index): its object cannot be read (")) }
        #expect(follower.events.filter { $0.hasPrefix("odd ?: ") }.count == 5, "\(follower.events)")
        #expect(!follower.events.contains { $0.hasPrefix("failed") })
        #expect(try server.requests().count == 2)
    }

    @Test("an event without end is told, and not kept")
    func endless() throws {
        let server = try FakeAPIServer()
        let follower = try Follower(server)
        #expect(follower.waits(for: "all "))
        try server.sendEndless(megabytes: 8)
        #expect(follower.waits(for: "odd ?: its object cannot be read (it is larger than 3 MiB"))
        try server.put(pod("two"))
        #expect(follower.waits(for: "changed shop/two"))
    }

    @Test("a server that gives other nodes' pods, and more than a node can have")
    func tooMany() throws {
        let server = try FakeAPIServer()
        try server.put(pod("other").replacing("node-1", with: "node-2"))
        try server.put(pod("one"))
        try server.multiply(by: PodWatch.limit + 3)
        let follower = try Follower(server)
        #expect(follower.waits(for: "all "))
        let words = try #require(follower.events.first).split(separator: " ")
        #expect(words.count == 1 + PodWatch.limit + 3 * 2)
        #expect(!words.contains("shop/other"))
    }

    @Test("an API server that refuses is asked less and less often")
    func backsOff() {
        var backoff = Backoff()
        let delays = (0..<12).map { _ in backoff.delay() }
        #expect(delays[0] >= .milliseconds(100) && delays[0] <= .milliseconds(200))
        #expect(delays[3] >= .milliseconds(800) && delays[3] <= .milliseconds(1600))
        #expect(delays.allSatisfy { $0 <= .seconds(30) })
        #expect(delays[11] >= .seconds(15))
        backoff.reset()
        #expect(backoff.delay() <= .milliseconds(200))
    }
}
