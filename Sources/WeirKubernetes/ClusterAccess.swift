import Foundation
public import WeirCore

/// Where the API server is, whom it has to be, and who this process is for it.
public struct ClusterAccess: Sendable {
    /// "https://10.96.0.1:443", without a slash at the end.
    public var server: String
    /// PEM; nil: the system's authorities.
    public var authorities: String?
    /// Where they are read again: the kubelet writes the file anew when the cluster gets another authority.
    public var authorityFile: String?
    public var credentials: Credentials

    public enum Credentials: Sendable {
        case none
        case token(String)
        /// Read for each request, because the kubelet writes a new token before the old one expires.
        case tokenFile(String)
        /// PEM: the chain and its key.
        case certificate(String, key: String)
    }

    public init(server: String, authorities: String?, authorityFile: String? = nil, credentials: Credentials) {
        self.server = server
        self.authorities = authorities
        self.authorityFile = authorityFile
        self.credentials = credentials
    }

    /// As a pod has it: the service in the environment, the service account mounted
    /// (kubernetes.io, "Accessing the Kubernetes API from a Pod").
    public static func inCluster() throws(InvalidValue) -> ClusterAccess {
        try inCluster(
            environment: ProcessInfo.processInfo.environment,
            account: "/var/run/secrets/kubernetes.io/serviceaccount")
    }

    static func inCluster(
        environment: [String: String], account: String
    ) throws(InvalidValue) -> ClusterAccess {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], let port = environment["KUBERNETES_SERVICE_PORT"]
        else {
            throw InvalidValue(
                "this process is in no pod (KUBERNETES_SERVICE_HOST is not set); "
                    + "name a file with agent.kubernetes.kubeconfig")
        }
        let address = host.contains(":") ? "[\(host)]" : host
        let authority = "\(account)/ca.crt"
        return ClusterAccess(
            server: "https://\(address):\(port)", authorities: try text(authority, "the cluster's authority"),
            authorityFile: authority, credentials: .tokenFile("\(account)/token"))
    }

    /// - Parameter what: what it is, for the sentence.
    static func text(_ path: String, _ what: String) throws(InvalidValue) -> String {
        let limit = BoundedYAML.Limits.kubeconfig.bytes
        guard let file = try? FileHandle(forReadingFrom: URL(fileURLWithPath: path)),
            let bytes = try? file.read(upToCount: limit + 1) ?? Data(), let text = String(data: bytes, encoding: .utf8)
        else { throw InvalidValue("cannot read \(what), \(path); check that it is there and readable") }
        guard bytes.count <= limit else {
            throw InvalidValue("\(what), \(path), is longer than \(limit) bytes; name another file")
        }
        return text
    }
}
