import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Synchronization
public import WeirCore

/// The Kubernetes API, as far as pods of one node need it.
public final class APIServer: Sendable {
    /// The client changes when the cluster's authority does.
    private let connection: Mutex<(access: ClusterAccess, client: HTTPClient)>

    /// - Throws: a sentence that names the certificate or key which cannot be read.
    public init(_ access: ClusterAccess) throws(InvalidValue) {
        connection = Mutex((access, try Self.client(access)))
    }

    private static func client(_ access: ClusterAccess) throws(InvalidValue) -> HTTPClient {
        var configuration = HTTPClient.Configuration(tlsConfiguration: try access.tls())
        configuration.timeout.connect = .seconds(10)
        // A watch sends something each minute (bookmarks); if three are missing, nobody is there.
        configuration.timeout.read = .minutes(3)
        configuration.httpVersion = .http1Only
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    public func close() async { try? await connection.withLock(\.client).shutdown() }

    /// What requests are made with from now on. Those of before go on, or fail and are made again.
    private func current() throws(InvalidValue) -> (access: ClusterAccess, client: HTTPClient) {
        try connection.withLock { connection throws(InvalidValue) in
            guard let file = connection.access.authorityFile else { return connection }
            let authorities = try ClusterAccess.text(file, "the cluster's authority")
            guard authorities != connection.access.authorities else { return connection }
            let old = connection.client
            connection.access.authorities = authorities
            connection.client = try Self.client(connection.access)
            Task { try? await old.shutdown() }
            return connection
        }
    }

    /// One pod, as it is now.
    /// - Throws: `APIError`, not found included, an `OddPod`, or what kept the server from being reached.
    public func pod(namespace: String, name: String) async throws -> Pod {
        guard PodName.isName(namespace), PodName.isName(name) else {
            throw APIError(code: 404, message: "no pod has such a name")
        }
        let response = try await get("/api/v1/namespaces/\(namespace)/pods/\(name)", timeout: .seconds(10))
        return try Self.decode(Array(buffer: try await response.body.collect(upTo: Self.objectLimit))).get()
    }

    /// The pods of a node, one by one.
    /// - Parameter version: "0": what the server has in memory; nil: what is true now.
    /// - Returns: the version from which a watch goes on.
    func listPods(node: String, version: String?, _ handle: (Result<Pod, OddPod>) -> Void) async throws -> String {
        var query = Self.selector(node)
        if let version { query += "&resourceVersion=\(version)" }
        let response = try await get("/api/v1/pods?\(query)", timeout: .seconds(60))
        var splitter = ObjectSplitter(limit: Self.objectLimit)
        var listVersion: String?
        for try await chunk in response.body {
            for piece in splitter.add(chunk.readableBytesView) {
                switch piece {
                case .item(let bytes): handle(Self.decode(bytes))
                case .itemTooLong: handle(.failure(OddPod(object: OddObject(largerThan: Self.objectLimit))))
                case .wholeTooLong: throw APIError(code: 502, message: "a list of pods with a head of no end")
                case .whole(let bytes):
                    listVersion = try JSONDecoder().decode(List.self, from: Data(bytes)).metadata.resourceVersion
                }
            }
        }
        guard let listVersion, Self.isVersion(listVersion) else {
            throw APIError(code: 502, message: "a list of pods that ends in the middle, or has no version")
        }
        return listVersion
    }

    /// - Parameter object: JSON of one pod.
    static func decode(_ object: [UInt8]) -> Result<Pod, OddPod> {
        let object = Data(ObjectTrimmer(object).trimmed)
        do {
            return .success(try JSONDecoder().decode(Pod.self, from: object))
        } catch {
            return .failure(OddPod(object: OddObject(error, in: object)))
        }
    }

    /// Whether it can be part of a query. Clients must not interpret versions; in fact they are numbers.
    static func isVersion(_ text: String) -> Bool { PodName.isUID(text) }

    /// Changes of a node's pods from a version on, until the server ends the watch or something fails.
    func watchPods(node: String, from version: String, _ handle: (WatchEvent) async -> Void) async throws {
        // As client-go: not all agents' watches end at once.
        let seconds = Int.random(in: 300...600)
        let query =
            "watch=true&allowWatchBookmarks=true&timeoutSeconds=\(seconds)&resourceVersion=\(version)&"
            + Self.selector(node)
        let response = try await get("/api/v1/pods?\(query)", timeout: .seconds(Int64(seconds) + 30))
        var splitter = LineSplitter(limit: Self.objectLimit)
        for try await chunk in response.body {
            for piece in splitter.add(chunk.readableBytesView) {
                switch piece {
                case .line(let bytes): await handle(try WatchEvent(bytes))
                case .tooLong: await handle(.odd(OddObject(largerThan: Self.objectLimit)))
                }
            }
        }
    }

    /// Of one object, in bytes: twice what etcd takes.
    static let objectLimit = 3 << 20

    private struct List: Decodable {
        struct Metadata: Decodable { let resourceVersion: String }
        let metadata: Metadata
    }

    private static func selector(_ node: String) -> String { "fieldSelector=spec.nodeName%3D\(node)" }

    private func get(_ target: String, timeout: TimeAmount) async throws -> HTTPClientResponse {
        let (access, client) = try current()
        var request = HTTPClientRequest(url: access.server + target)
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: "weir")
        switch access.credentials {
        case .none, .certificate: break
        case .token(let token): request.headers.add(name: "Authorization", value: "Bearer \(token)")
        case .tokenFile(let path):
            let token = try ClusterAccess.text(path, "the service account's token")
            request.headers.add(name: "Authorization", value: "Bearer \(token.trimmingCharacters(in: .newlines))")
        }
        let response = try await client.execute(request, timeout: timeout)
        guard response.status == .ok else {
            let body = try? await response.body.collect(upTo: Self.objectLimit)
            // What stands between, such as a proxy, answers in its own words.
            let status = body.flatMap { try? JSONDecoder().decode(StatusObject.self, from: $0) }
            throw status?.error(Int(response.status.code))
                ?? APIError(code: Int(response.status.code), message: response.status.reasonPhrase)
        }
        return response
    }
}

/// A pod of the API that cannot be read.
public struct OddPod: Error, Sendable, CustomStringConvertible {
    public let object: OddObject
    public var description: String { object.sentence }
}
