/// What the plugin's entry in the network configuration says to it. The installer writes it, the plugin reads it.
public struct PluginSettings: Hashable, Sendable {
    /// The plugin's name: `type` of its entry, and the name of its file.
    public static let type = "weir-cni"

    /// Path of the agent's socket on the node.
    public var socket = "/run/weir/weir.sock"
    public var failurePolicy = FailurePolicy.block
    /// Namespaces whose pods start in any case.
    public var excludeNamespaces = ["kube-system"]
    /// Seconds that ADD, CHECK and STATUS wait for the agent: more than one takes to restart. A kubelet gives a sandbox
    /// four minutes (twice runtimeRequestTimeout) and tries again some ten seconds after an ADD that failed. But it takes
    /// a runtime for dead, and starts nothing, not even the agent, when its status, and with it STATUS, takes 30 s
    /// (maxWaitForContainerRuntime, pkg/kubelet/kubelet.go).
    public var timeout = 15

    public init() {}

    /// The entry for the installer.
    var entry: JSONOutput {
        .object([
            ("type", .string(Self.type)), ("socket", .string(socket)),
            ("failurePolicy", .string(failurePolicy.rawValue)), ("excludeNamespaces", .strings(excludeNamespaces)),
            ("timeoutSeconds", .number(timeout)),
        ])
    }

    /// Reads an entry as a runtime hands it on, with keys that are not the plugin's.
    init(_ entry: JSONValue) throws(PluginError) {
        if let value = entry["socket"] {
            guard let path = value.string, path.hasPrefix("/") else { throw Self.wrong("socket", "an absolute path") }
            socket = path
        }
        if let value = entry["failurePolicy"] {
            guard let policy = value.string.flatMap(FailurePolicy.init) else {
                throw Self.wrong("failurePolicy", "\"block\" or \"allow\"")
            }
            failurePolicy = policy
        }
        if let value = entry["excludeNamespaces"] {
            guard let items = value.items, case let names = items.compactMap(\.string), names.count == items.count
            else {
                throw Self.wrong("excludeNamespaces", "a list of names")
            }
            excludeNamespaces = names
        }
        if let value = entry["timeoutSeconds"] {
            guard let seconds = value.integer, (1...100).contains(seconds) else {
                throw Self.wrong("timeoutSeconds", "a whole number from 1 to 100")
            }
            timeout = seconds
        }
    }

    private static func wrong(_ key: String, _ what: String) -> PluginError {
        PluginError(
            .invalidConfiguration,
            "\(key) of the network configuration's weir-cni entry should be \(what); `weir cni install` writes it anew")
    }
}
