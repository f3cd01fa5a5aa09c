/// A pod's interface, as the runtime names it.
struct Attachment {
    var containerID: String
    /// Path of the network namespace on the node; empty when it has gone.
    var netns: String
    var ifName: String
    var podNamespace: String
    var podName: String
    /// Empty from runtimes that do not tell it.
    var podUID: String
    /// With prefix lengths, those of the pod's side.
    var addresses: [String]

    /// - Returns: nil when the variables name no pod: what podman or nerdctl start with the same configuration.
    init?(_ environment: [String: String], previous: JSONValue?) {
        let pairs = (environment["CNI_ARGS"] ?? "").split(separator: ";").map {
            $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        }
        let arguments = Dictionary(pairs.map { ($0[0], $0.count > 1 ? $0[1] : "") }) { $1 }
        guard let name = arguments["K8S_POD_NAME"], let namespace = arguments["K8S_POD_NAMESPACE"],
            !name.isEmpty, !namespace.isEmpty
        else { return nil }
        podName = name
        podNamespace = namespace
        podUID = arguments["K8S_POD_UID"] ?? ""
        containerID = environment["CNI_CONTAINERID"] ?? ""
        netns = environment["CNI_NETNS"] ?? ""
        ifName = environment["CNI_IFNAME"] ?? ""
        addresses = Self.addresses(previous)
    }

    var pod: String { "\(podNamespace)/\(podName)" }

    var body: String {
        JSONOutput.object([
            ("containerID", .string(containerID)), ("netns", .string(netns)), ("ifName", .string(ifName)),
            ("podNamespace", .string(podNamespace)), ("podName", .string(podName)), ("podUID", .string(podUID)),
            ("addresses", .strings(addresses)),
        ]).text
    }

    /// Addresses whose interface is on the node's side, without a `sandbox`, are not the pod's.
    private static func addresses(_ result: JSONValue?) -> [String] {
        let interfaces = result?["interfaces"]?.items ?? []
        return (result?["ips"]?.items ?? []).compactMap { ip in
            if let index = ip["interface"]?.integer, interfaces.indices.contains(index),
                (interfaces[index]["sandbox"]?.string ?? "").isEmpty
            {
                return nil
            }
            return ip["address"]?.string
        }
    }
}
