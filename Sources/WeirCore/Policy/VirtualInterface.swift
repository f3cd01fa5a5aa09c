/// An interface whose incoming traffic is the outbound traffic of somebody behind it: a virtual machine or a container.
public struct VirtualInterface: Hashable, Sendable, Codable {
    /// The interface's name; a trailing `+` stands for any ending, as in iptables.
    public var name: String
    /// Kuma: the network behind the interface, to which traffic stays inbound, and whose family alone counts.
    /// Istio: nil, the included ranges count.
    public var network: CIDR?

    public init(name: String, network: CIDR? = nil) {
        self.name = name
        self.network = network
    }
}
