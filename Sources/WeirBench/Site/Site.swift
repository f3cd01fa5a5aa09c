import Glibc
import WeirBPF
import WeirCore

/// Everything of one run in the system: namespaces, cgroups, processes, an installation of Weir. It goes with `remove`.
final class Site {
    /// One case and what belongs to it.
    final class Side {
        let `case`: Case
        let pods: PodPair
        let cgroup: BenchCgroup
        private let client: BenchCgroup
        private let server: BenchCgroup

        /// - Parameter cgroup: of both pods; each has one in it, as in Kubernetes.
        init(_ one: Case, pods: PodPair, cgroup: BenchCgroup) throws {
            self.case = one
            self.pods = pods
            self.cgroup = cgroup
            client = try BenchCgroup("\(cgroup.path)/client")
            server = try BenchCgroup("\(cgroup.path)/server")
        }

        /// A place for a process of this side.
        func place(in netns: String, _ uid: UInt32, _ cpus: some Sequence<Int>) -> LoadProcess.Place {
            let own = netns == pods.serverPath ? server : client
            return LoadProcess.Place(netns: netns, cgroup: own.path, uid: uid, cpus: Array(cpus))
        }
    }

    static let applicationID: UInt32 = 1000
    static let proxyID: UInt32 = 1337
    static let proxyPort: UInt16 = 15001

    let sides: [Side]
    /// Cases that this node cannot run, each with the reason.
    let missing: [Case: String]
    let interruption: Interruption
    /// Of processes outside the mesh: Weir's programs do not see them.
    let plainCgroup: BenchCgroup
    /// Of those that Weir's programs see.
    let meshCgroup: BenchCgroup
    /// For configurations and logs of proxies.
    let folder: String
    let installation: BenchInstallation?
    private let cgroup: BenchCgroup
    private let merbridge: Merbridge?
    private var marks: [LoadProcess] = []

    /// - Parameter merbridge: path of its objects.
    init(_ cases: [Case], merbridge path: String?, interruption: Interruption) throws {
        self.interruption = interruption
        cgroup = try BenchCgroup("\(try Host.cgroupRoot())/\(Names.own)")
        plainCgroup = try BenchCgroup("\(cgroup.path)/plain")
        meshCgroup = try BenchCgroup("\(cgroup.path)/mesh")
        folder = "\(Names.folders)/\(Names.own)"
        guard mkdir(folder, 0o755) == 0 else {
            throw BenchError("cannot make the folder \(folder): \(String(cString: strerror(errno)))")
        }
        var obstacles: [Case: String] = [:]
        var installation: BenchInstallation?
        do {
            installation = try BenchInstallation(at: meshCgroup.path)
        } catch {
            for one in [Case.nftables, .weir, .accelerated] { obstacles[one] = "\(error)" }
        }
        self.installation = installation
        let peerCgroup = try BenchCgroup("\(cgroup.path)/peer")
        var merbridge: Merbridge?
        do {
            merbridge = try path.map { try Merbridge($0, at: peerCgroup.path) }
        } catch {
            obstacles[.merbridge] = "\(error)"
        }
        self.merbridge = merbridge
        var sides: [Side] = []
        for one in cases where obstacles[one] == nil {
            if let obstacle = Self.obstacle(to: one) {
                obstacles[one] = obstacle
                continue
            }
            let pods = try PodPair(one.word, number: (Case.allCases.firstIndex(of: one) ?? 0) + 10)
            let parent = one.isWeir ? meshCgroup : one == .merbridge ? peerCgroup : plainCgroup
            sides.append(try Side(one, pods: pods, cgroup: try BenchCgroup("\(parent.path)/\(one.word)")))
        }
        self.sides = sides
        missing = obstacles
        if let merbridge, let side = sides.first(where: { $0.case == .merbridge }) {
            marks = [
                try merbridge.add(side.pods.clientPath, Family.allCases.map(side.pods.clientAddress), self),
                try merbridge.add(side.pods.serverPath, Family.allCases.map(side.pods.serverAddress), self),
            ]
        }
    }

    private static func obstacle(to one: Case) -> String? {
        switch one {
        case .direct, .weir, .accelerated, .merbridge, .weirProxy, .envoy, .haproxy: nil
        case .iptables: IstioRules.obstacle()
        case .nftables: System.find("nft") == nil ? "nft is not installed; install the package nftables" : nil
        }
    }

    /// Has every side intercept by this policy; Merbridge by its own, which has no exclusions.
    func apply(_ policy: PolicySpecification) throws {
        var workloads: [Workload] = []
        for side in sides {
            switch side.case {
            case .direct, .merbridge: break
            case .iptables:
                try IstioRules.apply(policy, netns: side.pods.clientPath)
                try IstioRules.apply(policy, netns: side.pods.serverPath)
            case .nftables: workloads += Self.workloads(side, policy, .nftables)
            case .weirProxy, .envoy, .haproxy: break
            case .weir, .accelerated: workloads += Self.workloads(side, policy, .ebpf)
            }
        }
        try installation?.set(workloads)
    }

    private static func workloads(_ side: Side, _ policy: PolicySpecification, _ mechanism: Mechanism) -> [Workload] {
        [(side.pods.client, side.pods.clientPath), (side.pods.server, side.pods.serverPath)].map { name, path in
            var workload = Workload(
                name: name, selector: .netns(path), mesh: "istio", mechanism: mechanism, policy: policy)
            // The load generator and Envoy read until a socket is empty.
            workload.acceleration = side.case == .accelerated ? .full : .off
            (workload.proxyReads, workload.applicationReads) = (.untilEmpty, .untilEmpty)
            return workload
        }
    }

    // Processes.

    /// A load generator in the client's pod, as the application.
    func worker(_ side: Side, on cpus: [Int] = []) throws -> Worker {
        try Worker(
            side.case.rawValue, in: side.place(in: side.pods.clientPath, Self.applicationID, cpus),
            interruption: interruption)
    }

    /// The server of the benchmark. It is ready when this returns.
    func server(_ arguments: [String], in place: LoadProcess.Place) throws -> LoadProcess {
        let server = try LoadProcess(["serve"] + arguments, in: place, interruption: interruption)
        try server.waitForReadiness()
        return server
    }

    /// In each client's pod a server where the proxy would be, and as its user.
    func standIns(_ arguments: [String]) throws -> [LoadProcess] {
        try sides.map { side in
            try server(
                arguments, in: side.place(in: side.pods.clientPath, Self.proxyID, Processors.servers.suffix(1)))
        }
    }

    /// Where a connection goes that the stand-in takes. Without interception it is called itself.
    static func intercepted(_ side: Side, _ family: Family) -> Endpoint {
        side.case == .direct
            ? Endpoint(address: family.loopback, port: proxyPort) : Endpoint(address: family.elsewhere, port: 80)
    }

    // Others on the node.

    private var crowd: [String] = []

    /// Makes so many workloads beside those that are measured, in place of those before.
    func crowd(_ count: Int) throws {
        if crowd.count > count {
            try installation?.remove(crowd)
            try System.run(
                ["ip", "-batch", "-"], input: crowd.map { "netns delete \($0)\n" }.joined(), package: "iproute2")
            crowd = []
        }
        let more = (crowd.count..<count).map { "\(Names.own)-crowd-\($0)" }
        guard !more.isEmpty, let installation else { return }
        try System.run(["ip", "-batch", "-"], input: more.map { "netns add \($0)\n" }.joined(), package: "iproute2")
        crowd += more
        let policy = try Exclusions().policy()
        try installation.set(
            more.map { name in
                Workload(
                    name: name, selector: .netns("\(Names.namespaces)/\(name)"), mesh: "istio", mechanism: .ebpf,
                    policy: policy)
            })
    }

    /// One pod that is no workload, once for processes that Weir's programs see and once for others.
    func bystanders() throws -> [Side] {
        guard installation != nil else { return [] }
        let pods = try PodPair("bystander", number: 30)
        return [
            try Side(.direct, pods: pods, cgroup: try BenchCgroup("\(plainCgroup.path)/bystander")),
            try Side(.weir, pods: pods, cgroup: try BenchCgroup("\(meshCgroup.path)/bystander")),
        ]
    }

    /// Registers a cgroup as workload, or no longer: while there is one, programs walk up the cgroups of every socket.
    func registerCgroup(_ isWanted: Bool) throws {
        let name = "\(Names.own)-unit"
        guard isWanted else { try installation?.remove([name]); return }
        let unit = try BenchCgroup("\(meshCgroup.path)/unit")
        var policy = PolicySpecification(dialect: .custom)
        policy.outboundPort = Self.proxyPort
        policy.inboundEnabled = false
        try installation?.set([Workload(name: name, selector: .cgroup(unit.path), policy: policy)])
    }

    /// Sides that Weir intercepts, with outbound traffic only.
    func intercepted(_ cases: [Case]) throws -> [Side] {
        guard let installation else { return [] }
        let sides = try cases.enumerated().map { number, one in
            try Side(
                one, pods: try PodPair(one.word, number: 40 + number),
                cgroup: try BenchCgroup("\(meshCgroup.path)/\(one.word)"))
        }
        let policy = try Exclusions().policy(isInbound: false)
        try installation.set(
            sides.map { side in
                var policy = policy
                // HAProxy asks for the origin of IPv4 only, and over IPv6 takes its socket's address for it, which would
                // be itself (2.6, sock_inet_get_dst()).
                policy.originFromSocketName = side.case == .haproxy
                return Workload(
                    name: side.pods.client, selector: .netns(side.pods.clientPath), mesh: "istio", mechanism: .ebpf,
                    policy: policy)
            })
        return sides
    }

    func remove() { BenchLeftovers.remove(Names.own) }
}
