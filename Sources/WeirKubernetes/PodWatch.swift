public import Logging

/// Follows the pods of one node: a list, then one watch for as long as it lasts.
public struct PodWatch: Sendable {
    public enum Event: Sendable {
        /// These are all; what is not among them is gone.
        case all([Pod])
        case changed(Pod)
        case deleted(Pod)
        /// The API server cannot be followed now, and why. What was known goes on.
        case failed(String)
    }

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
                    var pods: [Pod] = []
                    version = try await server.listPods(node: node, version: listVersion) { pods.append($0) }
                    await handle(.all(pods))
                    continue
                }
                let began = ContinuousClock.now
                try await server.watchPods(node: node, from: from) { event in
                    // What came is not asked for again when the watch breaks.
                    version = event.version ?? version
                    switch event {
                    case .changed(let pod): await handle(.changed(pod))
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
}
