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

        init(_ one: Case, pods: PodPair, cgroup: BenchCgroup) {
            self.case = one
            self.pods = pods
            self.cgroup = cgroup
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

    init(_ cases: [Case], interruption: Interruption) throws {
        self.interruption = interruption
        cgroup = try BenchCgroup("\(try Host.cgroupRoot())/\(Names.own)")
        plainCgroup = try BenchCgroup("\(cgroup.path)/plain")
        meshCgroup = try BenchCgroup("\(cgroup.path)/mesh")
        folder = "/tmp/\(Names.own)"
        mkdir(folder, 0o755)
        var obstacles: [Case: String] = [:]
        var installation: BenchInstallation?
        do {
            if cases.contains(where: { $0 != .direct && $0 != .iptables }) {
                installation = try BenchInstallation(at: meshCgroup.path)
            }
        } catch {
            for one in [Case.nftables, .weir, .accelerated] { obstacles[one] = "\(error)" }
        }
        self.installation = installation
        var sides: [Side] = []
        for one in cases where obstacles[one] == nil {
            if let obstacle = Self.obstacle(to: one) {
                obstacles[one] = obstacle
                continue
            }
            let pods = try PodPair(one.word, number: (Case.allCases.firstIndex(of: one) ?? 0) + 10)
            let parent = one.isWeir ? meshCgroup : plainCgroup
            sides.append(Side(one, pods: pods, cgroup: try BenchCgroup("\(parent.path)/\(one.word)")))
        }
        self.sides = sides
        missing = obstacles
    }

    private static func obstacle(to one: Case) -> String? {
        switch one {
        case .direct, .weir: nil
        case .iptables: IstioRules.obstacle()
        case .nftables: System.find("nft") == nil ? "nft is not installed; install the package nftables" : nil
        case .accelerated: "this version of Weir has no acceleration"
        }
    }

    /// Has every side intercept by this policy.
    func apply(_ policy: PolicySpecification) throws {
        var workloads: [Workload] = []
        for side in sides {
            switch side.case {
            case .direct: break
            case .iptables:
                try IstioRules.apply(policy, netns: side.pods.clientPath)
                try IstioRules.apply(policy, netns: side.pods.serverPath)
            case .nftables: workloads += Self.workloads(side, policy, .nftables)
            case .weir, .accelerated: workloads += Self.workloads(side, policy, .ebpf)
            }
        }
        try installation?.set(workloads)
    }

    private static func workloads(_ side: Side, _ policy: PolicySpecification, _ mechanism: Mechanism) -> [Workload] {
        [(side.pods.client, side.pods.clientPath), (side.pods.server, side.pods.serverPath)].map { name, path in
            Workload(name: name, selector: .netns(path), mesh: "istio", mechanism: mechanism, policy: policy)
        }
    }

    // Processes.

    /// A load generator in the client's pod, as the application.
    func worker(_ side: Side, cpu: Int? = nil) throws -> Worker {
        let place = LoadProcess.Place(
            netns: side.pods.clientPath, cgroup: side.cgroup.path, uid: Self.applicationID, cpu: cpu)
        return try Worker(in: place, interruption: interruption)
    }

    /// The server of the benchmark. It is ready when this returns.
    func server(_ arguments: [String], in place: LoadProcess.Place) throws -> LoadProcess {
        let server = try LoadProcess(["serve"] + arguments, in: place, interruption: interruption)
        try server.waitForReadiness()
        return server
    }

    func remove() { BenchLeftovers.remove(Names.own) }
}
