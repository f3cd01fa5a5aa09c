import CWeirABI
import Glibc
import TestSupport
import Testing
import WeirCore

@testable import WeirBPF

/// Two pods on one link, programs of their own, and sockets of applications and proxies in both.
final class ShortCutLab {
    enum Side: Int, CaseIterable { case a, b }

    /// Whom a socket belongs to, as the programs see it.
    enum Who { case application, proxy }

    static let proxyPort: UInt16 = 15001

    let interceptor: Interceptor
    private let namespaces: [Namespace]
    private let held: [NetworkNamespaceBox]
    private let tables: [RouteTable]
    private let table: WorkloadTable
    private let policy: CompiledPolicy
    private let lock = MachineLock(.shared)

    final class NetworkNamespaceBox {
        let value: NetworkNamespace
        init(_ path: String) throws(BPFError) { value = try NetworkNamespace(path: path) }
    }

    /// - Parameters:
    ///   - root: whose sockets those of this process are; a listener at the proxy's port is the proxy's anyway.
    ///   - other: whose pods these are, too.
    init(
        _ scope: AccelerationScope = .all, budget: Int = 256 << 10, root: Who = .application, unguarded: Bool = false,
        room: [String: UInt32] = [:], besides other: ShortCutLab? = nil
    ) throws {
        namespaces = try other?.namespaces ?? Self.pods()
        interceptor = try Interceptor.loadPrivately(unguarded: unguarded, room: room)
        table = try WorkloadTable(interceptor)
        var specification = PolicySpecification(dialect: .custom)
        specification.outboundPort = Self.proxyPort
        specification.proxyUIDs = [root == .proxy ? 0 : 1337]
        specification.inboundEnabled = false
        // Sockets call their peers themselves.
        specification.outboundExcludePorts = [PortRange(8080), PortRange(Self.proxyPort)]
        policy = try PolicyCompiler.compile(specification)
        held = try namespaces.map { try NetworkNamespaceBox($0.path) }
        let maps = interceptor.maps
        tables = try held.map { box in
            let table = RouteTable(box.value, maps)
            try table.synchronize(box.value)
            return table
        }
        for side in Side.allCases { try set(scope, budget: budget, of: side) }
    }

    private static func pods() throws -> [Namespace] {
        let pods = [try Namespace(), try Namespace()]
        try pods[0].ip([
            "link add eth0 type veth peer name eth0 netns \(pods[1].name)", "link set eth0 up", "link set lo up",
            "addr add 10.77.0.1/24 dev eth0", "addr add fd77::1/64 dev eth0 nodad",
        ])
        try pods[1].ip([
            "link set eth0 up", "link set lo up", "addr add 10.77.0.2/24 dev eth0",
            "addr add fd77::2/64 dev eth0 nodad",
        ])
        return pods
    }

    /// What a reload of the configuration does.
    func set(_ scope: AccelerationScope, budget: Int = 256 << 10, of side: Side) throws {
        try table.register(
            .netns(held[side.rawValue].value.cookie), name: "side \(side)", policy: policy,
            whenProxyDown: WEIR_DOWN_REFUSE, acceleration: scope, accelerationBudget: budget)
        try tables[side.rawValue].setNear(!scope.isEmpty)
    }

    static func address(_ side: Side, _ family: Family) -> String {
        family == .ipv4 ? "10.77.0.\(side.rawValue + 1)" : "fd77::\(side.rawValue + 1)"
    }

    /// A connection between two sockets of this process, made inside the pods.
    /// - Parameter loopback: call 127.0.0.1 or ::1, which is in the caller's own pod.
    func connect(
        _ caller: Side, to callee: (Side, Who), _ family: Family = .ipv4, loopback: Bool = false,
        _ kind: StreamSocket.Kind = .plain
    ) throws -> StreamPair {
        let address = loopback ? family.loopback : Self.address(callee.0, family)
        let listener = try held[callee.0.rawValue].value.enter { () throws(BPFError) in
            try StreamSocket.listen(address, callee.1 == .proxy ? Self.proxyPort : 8080, kind)
        }
        let socket = try held[caller.rawValue].value.enter { () throws(BPFError) in
            try StreamSocket.connect(address, callee.1 == .proxy ? Self.proxyPort : 8080, kind)
        }
        return StreamPair(caller: socket, callee: try listener.accept())
    }

    /// A call that nobody answers.
    func refused(_ caller: Side, port: UInt16) throws {
        _ = try held[caller.rawValue].value.enter { () throws(BPFError) in
            try StreamSocket.connect("127.0.0.1", port)
        }
    }

    /// Messages that went this way, of both pods.
    func messages(_ path: MessagePath) throws -> UInt64 {
        try interceptor.maps.readPaths().filter { $0.path == path }.reduce(0) { $0 + $1.messages }
    }

    func bytes(_ path: MessagePath) throws -> UInt64 {
        try interceptor.maps.readPaths().filter { $0.path == path }.reduce(0) { $0 + $1.bytes }
    }

    /// Sockets that were left out for this reason.
    func leftOut(_ path: MessagePath) throws -> UInt64 {
        try interceptor.maps.readPaths().filter { $0.path == path }.reduce(0) { $0 + $1.sockets }
    }

    /// What the agent does every two seconds.
    /// - Returns: how many writers it has met.
    func wakeWriters() throws -> Int {
        let writers = try ForgottenWriters(interceptor.maps)
        let found = try writers.find()
        return try held.filter { found.contains($0.value.cookie) }.reduce(0) { try $0 + writers.wake(in: $1.value) }
    }

    /// Gives both pods an address, and follows.
    func addAddress(_ address: String) throws {
        for side in Side.allCases {
            try namespaces[side.rawValue].ip(["addr add \(address) dev lo"])
            try tables[side.rawValue].synchronize(held[side.rawValue].value)
        }
    }

    /// Forgets the routes of a pod.
    func forget(_ side: Side) throws { try tables[side.rawValue].clear() }

    /// Whether sockets with peers at this address want to be paired.
    func isNear(_ address: String) throws -> Bool {
        let address = try #require(Address(address))
        return try RouteTable.written(interceptor.maps)[0]?.contains { $0.address == address } == true
    }

    /// What is remembered of connections: nothing, once they are closed.
    func remembered() throws -> Int {
        try interceptor.maps.pairs.walk(UInt64.self).count + interceptor.maps.peers.walk(UInt64.self).count
    }
}
