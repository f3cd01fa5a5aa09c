import CWeirABI
import Glibc
import WeirBPF
import WeirCore

extension RegisteredWorkload {
    /// The ids of the cgroups by which its proxy is known.
    func proxies(among all: [RegisteredWorkload]) -> Set<UInt64> {
        Set(
            all.compactMap { one in
                guard one.isProxy, one.id == id, case .cgroup(let cgroup) = one.key else { return nil }
                return cgroup
            })
    }

    /// Where its connections are made, that of this process for a cgroup; nil: it is gone.
    /// - Parameter paths: those that can be reached, by their cookies.
    func namespace(among paths: [UInt64: String]) -> NetworkNamespace? {
        guard case .netns(let cookie) = key else { return try? NetworkNamespace.current() }
        return paths[cookie].flatMap { try? NetworkNamespace(path: $0) }
    }
}

/// What the sockets in a workload's namespace show.
extension NodeCheck {
    /// One line for each workload in whose namespace something is wrong.
    static func sockets(_ installed: Installed) throws -> [Check] {
        let all = try installed.interceptor.map { try WorkloadTable.read($0.maps) } ?? []
        let paths = all.isEmpty ? [:] : NetworkNamespace.paths()
        var checks: [Check] = []
        for one in all where !one.isProxy {
            guard let interceptor = installed.interceptor, let namespace = one.namespace(among: paths) else { continue }
            let proxies = one.proxies(among: all)
            checks += looking(one.name) {
                try UnknownProxy.find(one, proxies: proxies, interceptor, in: namespace).map { unknown(one.name, $0) }
                    + older(one, proxies, interceptor, in: namespace)
            }
        }
        for one in try installed.ruled() {
            guard let namespace = one.namespace() else { continue }
            checks += looking(one.workload.name) {
                try UnknownProxy.find(one, in: namespace).map { unknown(one.workload.name, $0) }
            }
        }
        return checks
    }

    private static func looking(_ name: String, _ body: () throws -> [Check]) -> [Check] {
        do { return try body() } catch { return [warn("the sockets of workload \(name) can be seen", "\(error)")] }
    }

    private static func unknown(_ name: String, _ one: UnknownProxy) -> Check {
        let title = "the proxy of workload \(name) is known"
        return one.returned > 0
            ? fail(title, one.sentence, hint: UnknownProxy.hint) : warn(title, one.sentence, hint: UnknownProxy.hint)
    }

    /// UDP sockets that were connected before Weir came: what they send passes no hook, and goes on to the resolver.
    /// (Rules of nftables see each datagram.)
    private static func older(
        _ one: RegisteredWorkload, _ proxies: Set<UInt64>, _ interceptor: Interceptor,
        in namespace: borrowing NetworkNamespace
    ) throws -> [Check] {
        guard case .netns(let cookie) = one.key, try interceptor.maps.proxyPorts(of: one.policy)?.dns != nil else {
            return []
        }
        let sockets = try namespace.entered { try SocketDiagnosis.sockets(.udp, .established, peerPort: 53) }
        let holders = SocketHolders.find(Set(sockets.map(\.inode)), in: namespace.inode)
        var owners: [UInt32: ProcessIdentity] = [:]
        for (pid, inodes) in holders {
            guard let process = ProcessIdentity(pid) else { continue }
            for inode in inodes { owners[inode] = process }
        }
        let direct = try sockets.filter { socket in
            var attempt = weir_attempt()
            attempt.netns = cookie
            attempt.direction = UInt8(WEIR_OUTBOUND.rawValue)
            attempt.protocol = UInt8(IPPROTO_UDP)
            attempt.uid = socket.uid
            // The kernel does not tell a socket's group.
            let holder = owners[socket.inode]
            attempt.gid = holder?.gid ?? Explanation.nobody
            attempt.by_proxy_cgroup = proxies.isDisjoint(with: holder?.cgroups ?? []) ? 0 : 1
            socket.local.address.store(in: &attempt.source)
            socket.peer.address.store(in: &attempt.destination)
            attempt.destination_port = UInt16(53).bigEndian
            return try Verdict(rawValue: interceptor.explain(attempt).verdict) == .dns
        }
        if direct.isEmpty { return [] }
        let title = "the DNS of workload \(one.name) goes to its proxy"
        let peers = Set(direct.map(\.peer.description)).sorted().prefix(8).joined(separator: ", ")
        let count = direct.count == 1 ? "1 UDP socket was" : "\(direct.count) UDP sockets were"
        return [
            warn(
                title, "\(count) connected to \(peers) before Weir came, and stay direct until closed",
                hint: "restart their processes")
        ]
    }
}
