/// A connection attempt, as far as decisions need it.
public struct Attempt: Hashable, Sendable {
    public var direction: Direction
    public var transport: Transport
    /// The socket's local address: bound, or what the kernel chooses for the destination. Inbound: the client's.
    /// Nil when it is not known.
    public var source: Address?
    public var destination: Address
    /// In host order.
    public var port: UInt16
    /// Whether the destination is an address of the workload's namespace; 127/8, ::1 and 0.0.0.0, :: are in any case.
    public var isLocal: Bool
    /// Outbound: the identity the socket was made under, as the initial user namespace sees it.
    public var uid: UInt32
    public var gid: UInt32
    /// Outbound: whether the socket was made in the cgroup of the workload's proxy.
    public var isByProxyCgroup: Bool
    /// SO_MARK.
    public var mark: UInt32
    /// The interface it leaves or came in by, when that is known.
    public var interface: String?

    public init(
        _ direction: Direction, _ transport: Transport = .tcp, from source: Address? = nil, to destination: Address,
        port: UInt16, isLocal: Bool = false, uid: UInt32 = 0, gid: UInt32 = 0, isByProxyCgroup: Bool = false,
        mark: UInt32 = 0, interface: String? = nil
    ) {
        self.direction = direction
        self.transport = transport
        self.source = source
        self.destination = destination
        self.port = port
        self.isLocal = isLocal || destination.isLoopback || destination.isUnspecified
        self.uid = uid
        self.gid = gid
        self.isByProxyCgroup = isByProxyCgroup
        self.mark = mark
        self.interface = interface
    }
}
