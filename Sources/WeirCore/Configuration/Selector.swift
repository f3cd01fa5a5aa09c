/// Which processes a workload consists of.
public enum Selector: Hashable, Sendable, Codable {
    /// Those of a network namespace, by the path of its file: /run/netns/shop.
    case netns(String)
    /// Those of a cgroup v2 and the cgroups below it, by its path: /sys/fs/cgroup/shop.
    case cgroup(String)
    /// Those of a systemd unit: shop.service.
    case unit(String)
    /// Those of a Kubernetes pod, by its uid. Only the agent makes these; the file has no such key.
    case pod(String)

    /// The key in the configuration: "netns", "cgroup", "unit" or "pod".
    public var key: String {
        switch self {
        case .netns: "netns"
        case .cgroup: "cgroup"
        case .unit: "unit"
        case .pod: "pod"
        }
    }

    public var value: String {
        switch self {
        case .netns(let value), .cgroup(let value), .unit(let value), .pod(let value): value
        }
    }
}

extension Selector: CustomStringConvertible {
    public var description: String { "\(key) \(value)" }
}
