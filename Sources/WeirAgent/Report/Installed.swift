public import WeirBPF
import WeirCore

/// What is installed on this node, as commands that read find it with or without an agent: programs and their maps,
/// namespaces with nftables rules, or both.
public struct Installed: Sendable {
    /// Nil: no programs are installed.
    public let interceptor: Interceptor?
    public let namespaces: NFTMechanism

    init(interceptor: Interceptor?, namespaces: NFTMechanism) {
        self.interceptor = interceptor
        self.namespaces = namespaces
    }

    public init(_ pins: PinDirectory) throws(BPFError) {
        self.init(interceptor: pins.exists ? try Interceptor.open(pins) : nil, namespaces: NFTMechanism(pins))
    }

    public var isAnything: Bool { interceptor != nil || !namespaces.noted().isEmpty }

    /// Those of the maps.
    func registered() throws -> [RegisteredWorkload] {
        guard let interceptor else { return [] }
        return try WorkloadTable.read(interceptor.maps).filter { !$0.isProxy }
    }

    /// Those that nftables intercepts.
    func ruled() throws -> [NotedWorkload] { try namespaces.workloads().filter(\.isIntercepted) }
}
