/// What the agent says when it has done what it was asked. Nothing else is a yes: not the status 200 alone, which other
/// servers, and half an agent, give, too.
struct AgentVerdict {
    enum Kind: String {
        /// The kernel holds the pod's policy.
        case intercepted
        /// The pod needs none.
        case exempt
        /// The mesh's own rules, of iptables or nftables, redirect its traffic.
        case iptables
        /// Of STATUS: pods can be added.
        case ready
        /// Of DEL and GC.
        case done
    }

    let kind: Kind

    /// The version of these answers. Another one may mean other things by the same words.
    static let schema = "weir.cni/v1"

    /// - Returns: nil for what is no such answer, or contradicts itself.
    init?(_ body: [UInt8]) {
        guard let root = try? JSONDocument(body).root, root["schema"]?.string == Self.schema,
            let kind = root["verdict"]?.string.flatMap(Kind.init), root["reason"]?.string != nil,
            case .bool(let isIntercepted)? = root["intercepted"]?.content, isIntercepted == (kind == .intercepted)
        else { return nil }
        self.kind = kind
    }
}

extension PluginVerb {
    /// The verdicts that answer it.
    var verdicts: Set<AgentVerdict.Kind> {
        switch self {
        case .add, .check: [.intercepted, .exempt, .iptables]
        case .del, .gc: [.done]
        case .status: [.ready]
        case .version: []
        }
    }
}
