import Foundation

/// A network namespace, and the API object of a pod with a sidecar, Istio's if nothing else is said, that is said to be in it.
public final class SimulatedPod: Sendable {
    public let namespace: Namespace
    public let name: String
    public let uid = UUID().uuidString.lowercased()
    public let number: Int
    private let annotations: String
    private let proxyUser: Int
    private let proxy: String
    private let environment: [String: String]

    /// - Parameters:
    ///   - name: nil: by its number.
    ///   - annotations: JSON members, beside the injector's own.
    ///   - proxyUser: uid and gid of the sidecar.
    ///   - proxy: the sidecar's container.
    ///   - environment: the sidecar's.
    ///   - namespace: nil: a new one.
    public init(
        number: Int, name: String? = nil, annotations: String = "", proxyUser: Int = 1337,
        proxy: String = "istio-proxy", environment: [String: String] = [:], in namespace: Namespace? = nil
    ) throws {
        self.proxyUser = proxyUser
        self.proxy = proxy
        self.environment = environment
        self.number = number
        self.annotations = annotations
        self.name = name ?? "cart-\(number)"
        self.namespace = try namespace ?? Namespace()
    }

    /// As the API server has it, with as much that is of no interest here as real ones have.
    public var object: String {
        let padding = String(repeating: "x", count: 4000)
        let variables = environment.map { #"{"name": "\#($0)", "value": "\#($1)"}"# }.joined(separator: ", ")
        let more = annotations.isEmpty ? "" : ", \(annotations)"
        return """
            {"metadata": {"name": "\(name)", "namespace": "shop", "uid": "\(uid)",
              "annotations": {"sidecar.istio.io/status": "\(padding)"\(more)}},
             "spec": {"nodeName": "node-1", "containers": [
               {"name": "app", "image": "shop/cart:1", "env": [{"name": "PADDING", "value": "\(padding)"}]},
               {"name": "\(proxy)", "args": ["proxy", "sidecar"], "env": [\(variables)],
                "securityContext": {"runAsUser": \(proxyUser), "runAsGroup": \(proxyUser)}}]},
             "status": {"phase": "Pending"}}
            """
    }

    /// What the CNI plugin tells of it, on one line.
    public var request: String {
        """
        {"containerID": "sandbox-\(uid)", "netns": "\(namespace.path)", "ifName": "eth0", "podNamespace": "shop", \
        "podName": "\(name)", "podUID": "\(uid)", "addresses": ["10.244.\(number / 250).\(number % 250 + 2)/16"]}
        """
    }
}

extension Installation {
    public struct CNIResult: Decodable, Sendable {
        /// How many requests were answered that the pod is intercepted.
        public let intercepted: Int
        /// What others were answered, some of it.
        public let problems: [String]
        /// Milliseconds until the answer.
        public let p50, p99, longest: Double
    }

    /// Asks the agent what the CNI plugin asks.
    public func cni(_ verb: String, _ pods: [SimulatedPod]) throws -> CNIResult {
        try ask(verb, pods.map(\.request).joined(separator: "\n"))
    }

    /// - Parameter requests: a line each.
    public func ask(_ verb: String, _ requests: String) throws -> CNIResult {
        let output = try Command.run(
            ["python3", try Workspace.fixture("cni.py"), socket, verb], stdin: requests + "\n")
        return try JSONDecoder().decode(CNIResult.self, from: Data(output.utf8))
    }
}
