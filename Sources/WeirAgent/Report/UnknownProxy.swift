import CWeirABI
import Glibc
import WeirBPF
import WeirCore

/// A process that listens where a workload's proxy is to, and that the workload's policy does not know as the proxy: what
/// it connects to comes back to it.
struct UnknownProxy: Sendable {
    let process: ProcessIdentity
    let port: UInt16
    let transport: Transport
    /// How many connections it has made to itself that are open.
    let returned: Int

    var description: String {
        "the process \(process.pid) (\(process.name)) with uid \(process.uid) and gid \(process.gid) listens at the "
            + "proxy's \(transport == .tcp ? "" : "DNS ")port \(port)"
    }

    var sentence: String {
        "\(description), and is not known as the proxy: what it connects to comes back to it"
            + (returned > 0 ? "; \(returned) of its connections have, and are open" : "")
    }

    static let hint = "say who the proxy is, by its uid, gid or cgroup"

    /// Those of a namespace.
    /// - Parameter isKnown: whether what the process connects to is left alone.
    static func find(
        _ policy: ProxyPorts, in namespace: borrowing NetworkNamespace, isKnown: (ProcessIdentity) throws -> Bool
    ) throws -> [UnknownProxy] {
        let inode = namespace.inode
        let listeners = try namespace.enter { () throws(BPFError) in try Self.listeners(policy) }
        let connections = try namespace.enter { () throws(BPFError) in
            try SocketDiagnosis.sockets(.tcp, .established)
        }
        let holders = SocketHolders.find(Set(listeners.map(\.socket.inode) + connections.map(\.inode)), in: inode)
        var found: [UnknownProxy] = []
        for (pid, inodes) in holders.sorted(by: { $0.key < $1.key }) {
            guard let own = listeners.first(where: { inodes.contains($0.socket.inode) }),
                let process = ProcessIdentity(pid), try !isKnown(process)
            else { continue }
            found.append(
                UnknownProxy(
                    process: process, port: own.socket.local.port, transport: own.transport,
                    returned: returned(connections, at: policy.outbound, inodes)))
        }
        return found
    }

    /// Whether a connection that was accepted at the port has a client of the same user in the namespace, which takes
    /// far less than to find out whose they are.
    static func isSuspected(at port: UInt16, in namespace: borrowing NetworkNamespace) throws -> Bool {
        let accepted = try namespace.enter { () throws(BPFError) in
            try SocketDiagnosis.sockets(.tcp, .established, localPort: port)
        }
        if accepted.isEmpty { return false }
        let all = try namespace.enter { () throws(BPFError) in try SocketDiagnosis.sockets(.tcp, .established) }
        let users = Dictionary(all.map { ($0.local, $0.uid) }, uniquingKeysWith: { first, _ in first })
        return accepted.contains { users[$0.peer] == $0.uid }
    }

    private static func listeners(
        _ policy: ProxyPorts
    ) throws(BPFError) -> [(transport: Transport, socket: SocketDiagnosis.Socket)] {
        var found: [(transport: Transport, socket: SocketDiagnosis.Socket)] = []
        if let port = policy.outbound {
            found += try SocketDiagnosis.sockets(.tcp, .listening, localPort: port).map { (.tcp, $0) }
        }
        if let port = policy.dns {
            found += try SocketDiagnosis.sockets(.udp, .closed, localPort: port).map { (.udp, $0) }
        }
        return found.filter { $0.socket.inode != 0 }
    }

    /// How many of a process's sockets at the port have one of its own sockets as the client.
    private static func returned(
        _ connections: [SocketDiagnosis.Socket], at port: UInt16?, _ inodes: Set<UInt32>
    ) -> Int {
        guard let port else { return 0 }
        let own = connections.filter { inodes.contains($0.inode) }
        let clients = Set(own.map(\.local))
        return own.count { $0.local.port == port && clients.contains($0.peer) }
    }
}

extension UnknownProxy {
    /// - Parameter proxies: the registered ones of the workload, by the ids of their cgroups.
    static func find(
        _ workload: RegisteredWorkload, proxies: Set<UInt64>, _ interceptor: Interceptor,
        in namespace: borrowing NetworkNamespace
    ) throws -> [UnknownProxy] {
        guard let ports = try interceptor.maps.proxyPorts(of: workload.policy) else { return [] }
        return try find(ports, in: namespace) { process in
            var attempt = weir_attempt.probe(process)
            switch workload.key {
            case .netns(let cookie): attempt.netns = cookie
            case .cgroup(let id):
                if !process.cgroups.contains(id) { return true }
                attempt.cgroup = id
                attempt.netns = try NetworkNamespace.current().cookie
            }
            if !proxies.isDisjoint(with: process.cgroups) { attempt.by_proxy_cgroup = 1 }
            let answer = try interceptor.explain(attempt)
            return isKnown(Facts(rawValue: answer.facts), Reason(rawValue: answer.reason))
        }
    }

    static func find(_ noted: NotedWorkload, in namespace: borrowing NetworkNamespace) throws -> [UnknownProxy] {
        let policy = try PolicyCompiler.compile(noted.workload.policy)
        let cgroup = try noted.workload.proxyCgroup.map { try Host.cgroupID(of: $0) }
        let ports = ProxyPorts(outbound: policy.outboundPort, dns: policy.dnsPort)
        return try find(ports, in: namespace) { process in
            let attempt = Attempt(
                .outbound, to: probe, port: 80, uid: process.uid, gid: process.gid,
                isByProxyCgroup: cgroup.map(process.cgroups.contains) ?? false)
            return isKnown(policy.facts(of: attempt), policy.decide(attempt).reason)
        }
    }

    /// Whoever is not in a group that is captured has nothing redirected either.
    private static func isKnown(_ facts: Facts, _ reason: Reason) -> Bool {
        !facts.isDisjoint(with: .proxy) || reason == .excludedGroup
    }

    /// Nobody's address (RFC 5737).
    fileprivate static let probe = Address(ipv4: 0xc000_0201)
}

extension weir_attempt {
    fileprivate static func probe(_ process: ProcessIdentity) -> weir_attempt {
        var attempt = weir_attempt()
        attempt.direction = UInt8(WEIR_OUTBOUND.rawValue)
        attempt.protocol = UInt8(IPPROTO_TCP)
        attempt.uid = process.uid
        attempt.gid = process.gid
        attempt.destination_port = UInt16(80).bigEndian
        UnknownProxy.probe.store(in: &attempt.destination)
        return attempt
    }
}
