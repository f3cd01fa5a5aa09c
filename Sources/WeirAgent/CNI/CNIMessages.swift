/// What the CNI plugin tells of a sandbox, for `add`, `del` and `check`.
struct CNIRequest: Decodable, Sendable {
    /// The runtime's name of the sandbox.
    let containerID: String
    /// Path of the network namespace; empty when it has gone.
    let netns: String
    let ifName: String
    let podNamespace: String
    let podName: String
    /// As the kubelet has it; empty from runtimes that do not tell it.
    let podUID: String?
    /// With prefix lengths: "10.244.0.5/24".
    let addresses: [String]?

    var pod: String { "\(podNamespace)/\(podName)" }
}

/// The sandboxes that there are, for `gc`.
struct CNIValid: Decodable, Sendable {
    let valid: [Sandbox]

    struct Sandbox: Decodable, Hashable, Sendable {
        let containerID: String
        let ifName: String
    }
}

/// The answer when the plugin may go on. It names what was found, because any server answers 200.
struct CNIAnswer: Codable, Sendable {
    /// As `AgentVerdict` of the plugin reads them.
    enum Verdict: String, Codable, Sendable { case intercepted, exempt, iptables, ready, done }

    var schema = "weir.cni/v1"
    let verdict: Verdict
    /// Whether the kernel holds the pod's policy.
    let intercepted: Bool
    /// One sentence without a full stop.
    let reason: String

    init(_ verdict: Verdict, _ reason: String) {
        self.verdict = verdict
        intercepted = verdict == .intercepted
        self.reason = reason
    }
}

/// Why the plugin may not.
struct CNIError: Error, CustomStringConvertible {
    /// The HTTP status: 4xx for what another attempt does not mend, 5xx for what it may.
    let status: Int
    let sentence: String

    var description: String { sentence }

    struct Body: Codable { let error: String }
    var body: Body { Body(error: sentence) }
}
