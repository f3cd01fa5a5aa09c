import WeirCore
import WeirKubernetes

/// The API server and this node's name in it, as the configuration has them: all that can be wrong with these is found
/// before anything is installed.
struct Cluster: Sendable {
    let node: String
    let access: ClusterAccess

    /// - Returns: nil when the configuration takes no pods.
    init?(_ settings: Configuration.Kubernetes) throws(InvalidValue) {
        guard settings.enabled else { return nil }
        node = try Self.nodeName(settings)
        if let path = settings.kubeconfig {
            access = try Kubeconfig.access(path: path)
        } else {
            access = try ClusterAccess.inCluster()
        }
        try access.check()
    }

    /// Where the kubelet runs under another name than the host's, the environment or the file has to say it.
    private static func nodeName(_ settings: Configuration.Kubernetes) throws(InvalidValue) -> String {
        if let name = settings.node ?? Processes.environment("NODE_NAME") { return name }
        guard let name = Processes.hostName() else {
            throw InvalidValue("this machine has no host name; say the node's name with agent.kubernetes.node")
        }
        return name.lowercased()
    }
}
