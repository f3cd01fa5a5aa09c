/// Which processes a workload consists of.
public enum Selector: Hashable, Sendable {
    /// Those of a network namespace, by the path of its file: /run/netns/shop.
    case netns(String)
    /// Those of a cgroup v2 and the cgroups below it, by its path: /sys/fs/cgroup/shop.
    case cgroup(String)
    /// Those of a systemd unit: shop.service.
    case unit(String)

    /// The key in the configuration: "netns", "cgroup" or "unit".
    public var key: String {
        switch self {
        case .netns: "netns"
        case .cgroup: "cgroup"
        case .unit: "unit"
        }
    }

    public var value: String {
        switch self {
        case .netns(let value), .cgroup(let value), .unit(let value): value
        }
    }
}

extension Selector: CustomStringConvertible {
    public var description: String { "\(key) \(value)" }
}
