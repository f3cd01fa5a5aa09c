public import Logging

/// Follows the pods of one node: a list, then one watch for as long as it lasts.
public struct PodWatch: Sendable {
    public enum Event: Sendable {
        /// These are all; what is not among them is gone. Odd ones are there, too.
        case all([Pod], odd: [OddObject])
        case changed(PodObject)
        case deleted(PodObject)
        case odd(OddObject)
        /// The API server cannot be followed now, and why. What was known goes on.
        case failed(String)
    }

    /// Pods of one node. The kubelet's own limit is 110, and its largest tested is 500.
    public static let limit = 4096
    /// How many odd objects are reported.
    public static let oddLimit = 256

    private let server: APIServer
    private let node: String
    private let logger: Logger

    public init(_ server: APIServer, node: String, logger: Logger) {
        self.server = server
        self.node = node
        self.logger = logger
    }

    /// Runs until the task is cancelled.
    public func run(_ handle: @Sendable (Event) async -> Void) async {
        var backoff = Backoff()
        // The first list may be what the server has in memory; after "410 Gone" it has to be newer than that.
        var listVersion: String? = "0"
        var version: String?
        while !Task.isCancelled {
            do {
                guard let from = version else {
                    let list = try await list(version: listVersion)
                    version = list.version
                    await handle(.all(list.pods, odd: list.odd))
                    continue
                }
                let began = ContinuousClock.now
                try await server.watchPods(node: node, from: from) { event in
                    // What came is not asked for again when the watch breaks.
                    if let told = event.version, APIServer.isVersion(told) { version = told }
                    switch event {
                    case .changed(let pod): await handle(.changed(pod))
                    case .odd(let object): await handle(.odd(object))
                    case .deleted(let pod): await handle(.deleted(pod))
                    case .bookmark: break
                    }
                }
                // A server that ends each watch at once is not asked in a circle.
                if .now - began > .seconds(1) {
                    backoff.reset()
                    continue
                }
            } catch let error as APIError where error.isExpired {
                logger.info("the watch of pods is too old; listing them again")
                (version, listVersion) = (nil, nil)
            } catch {
                if Task.isCancelled { return }
                logger.warning("pods cannot be followed; trying again", metadata: ["error": "\(error)"])
                await handle(.failed("\(error)"))
            }
            try? await Task.sleep(for: backoff.delay())
        }
    }

    private struct List {
        var version = ""
        var pods: [Pod] = []
        var odd: [OddObject] = []
    }

    private func list(version: String?) async throws -> List {
        var list = List()
        list.version = try await server.listPods(node: node, version: version) { result in
            switch result {
            // A server that does not select gives those of other nodes.
            case .success(let pod) where pod.spec.nodeName != node: break
            case .success(let pod) where list.pods.count < Self.limit: list.pods.append(pod)
            case .success(let pod): if list.odd.count < Self.oddLimit { list.odd.append(OddObject(tooMany: pod)) }
            case .failure(let odd): if list.odd.count < Self.oddLimit { list.odd.append(odd.object) }
            }
        }
        return list
    }
}
