extension Configuration {
    /// Pods of this node as workloads, beside those of the file.
    public struct Kubernetes: Hashable, Sendable {
        public var enabled = false
        /// Path of the file that says how to reach the API server; nil: the service account of the agent's pod.
        public var kubeconfig: String?
        /// This node's name in the API; nil: what NODE_NAME in the environment says, else the host's name.
        public var node: String?

        public init() {}
    }
}

extension Configuration.Kubernetes {
    mutating func read(_ value: YAMLValue) {
        guard var map = YAMLMapping(value, "the settings for a Kubernetes node") else { return }
        if let bool = map.take("enabled")?.bool() { enabled = bool }
        if let path = map.take("kubeconfig")?.absolutePath() { kubeconfig = path }
        if let name = map.take("node")?.string("the node's name") { node = name }
        map.finish()
    }

    func show(to writer: inout YAMLWriter, origin: (String) -> String) {
        writer.value("enabled", enabled, origin: origin("agent.kubernetes.enabled"))
        for (key, value) in [("kubeconfig", kubeconfig), ("node", node)] {
            if let value { writer.value(key, value, origin: origin("agent.kubernetes.\(key)")) }
        }
    }
}
