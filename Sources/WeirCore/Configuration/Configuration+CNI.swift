extension Configuration {
    /// Where the CNI plugin is installed, and with which settings.
    public struct CNI: Hashable, Sendable {
        /// Whether the agent keeps it installed.
        public var install = false
        /// Where the container runtime looks for plugins.
        public var binDir = "/opt/cni/bin"
        /// Where it looks for network configurations.
        public var confDir = "/etc/cni/net.d"
        public var failurePolicy = FailurePolicy.block
        /// Namespaces whose pods start even when the agent does not answer.
        public var excludeNamespaces = ["kube-system"]

        public init() {}

        /// What becomes of a pod that starts while the agent does not answer.
        public enum FailurePolicy: String, Hashable, Sendable, CaseIterable {
            case block, allow
        }
    }
}

extension Configuration.CNI {
    mutating func read(_ value: YAMLValue) {
        guard var map = YAMLMapping(value, "the settings of the CNI plugin") else { return }
        if let bool = map.take("install")?.bool() { install = bool }
        if let path = map.take("binDir")?.absolutePath() { binDir = path }
        if let path = map.take("confDir")?.absolutePath() { confDir = path }
        if let word = map.take("failurePolicy")?.word(of: FailurePolicy.self) { failurePolicy = word }
        if let value = map.take("excludeNamespaces"),
            let names = value.list("namespaces", { $0.string("the name of a namespace") })
        {
            excludeNamespaces = names
        }
        map.finish()
    }

    func show(to writer: inout YAMLWriter, origin: (String) -> String) {
        writer.value("install", install, origin: origin("agent.cni.install"))
        writer.value("binDir", binDir, origin: origin("agent.cni.binDir"))
        writer.value("confDir", confDir, origin: origin("agent.cni.confDir"))
        writer.value("failurePolicy", failurePolicy.rawValue, origin: origin("agent.cni.failurePolicy"))
        writer.list("excludeNamespaces", excludeNamespaces, origin: origin("agent.cni.excludeNamespaces"))
    }
}
