/// What the agent reports about the pods of its node.
public struct KubernetesStatus: Codable, Sendable {
    /// The node's name in the API.
    public var node: String
    /// Why the API server is not followed now; nil when it is.
    public var problem: String?
    /// How many pods there are, those of the host's network included.
    public var pods: Int
    /// Pods that are not intercepted.
    public var others: [Other]
    /// Versions of objects that could not be read, since the agent started.
    public var skippedObjects: Int? = nil

    public struct Other: Codable, Sendable {
        /// "shop/cart-0".
        public var name: String
        public var uid: String
        /// Why not: a sentence without a full stop.
        public var reason: String
        /// Whether it should be.
        public var isProblem: Bool
    }

    public var schema = "weir.pods/v1"

    /// What a workload has that is a pod.
    public struct Pod: Codable, Sendable {
        public var uid: String
        public var node: String
        public var addresses: [String]
        /// The names of the containers that are its proxies.
        public var proxies: [String]
        /// What its mesh ignores of it, and so does Weir; nil for nothing.
        public var warnings: [String]?
    }

    /// For people.
    public var othersTable: Table {
        var table = Table(["pod", "uid", "not intercepted, because"])
        for pod in others { table.add([pod.name, pod.uid, pod.reason]) }
        return table
    }

    var problems: [Other] { others.filter(\.isProblem) }
}
