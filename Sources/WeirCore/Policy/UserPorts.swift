/// Ports whose outbound traffic is left alone for some users: Kuma's `exclude-outbound-ports-for-uids`.
public struct UserPorts: Hashable, Sendable, Codable {
    public var transports: Set<Transport>
    public var ports: [PortRange]
    /// As the initial user namespace sees them.
    public var users: ClosedRange<UInt32>

    public init(transports: Set<Transport>, ports: [PortRange], users: ClosedRange<UInt32>) {
        self.transports = transports
        self.ports = ports
        self.users = users
    }

    public func contains(_ transport: Transport, user: UInt32, port: UInt16) -> Bool {
        transports.contains(transport) && users.contains(user) && ports.contains { $0.contains(port) }
    }
}
