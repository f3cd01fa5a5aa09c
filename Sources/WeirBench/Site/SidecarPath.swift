import CWeirBench
import Glibc
import WeirCore

/// The way of a mesh, built for every side: application, sidecar, the sidecar of the other pod, application. The side
/// without interception has no sidecars.
final class SidecarPath {
    static let echoPort: UInt16 = 8080
    static let discardPort: UInt16 = 8081

    let program: ProxyProgram
    private let site: Site
    private var servers: [LoadProcess] = []
    /// Of each side that intercepts.
    private var sidecars: [Case: [LoadProcess]] = [:]

    init(_ site: Site, _ program: ProxyProgram) throws {
        self.site = site
        self.program = program
        try site.apply(try Exclusions().policy(isInbound: program.isBothWays))
        let command = ["exec"] + (try program.command(in: site.folder, threads: Processors.servers.count))
        for side in site.sides {
            let ports = ["--echo", "\(Self.echoPort)", "--discard", "\(Self.discardPort)"]
            let place = side.place(in: side.pods.serverPath, Site.applicationID, Processors.servers)
            servers.append(try site.server(ports, in: place))
            guard side.case != .direct else { continue }
            var places = [side.place(in: side.pods.clientPath, Site.proxyID, Processors.clients)]
            if program.isBothWays {
                places.append(side.place(in: side.pods.serverPath, Site.proxyID, Processors.servers))
            }
            sidecars[side.case] = try places.map { place in
                try LoadProcess(
                    command, in: place, interruption: site.interruption, log: "\(site.folder)/\(side.case.word).log",
                    isDiscarding: true)
            }
        }
        for side in site.sides { try waitUntilOpen(side) }
    }

    deinit { stop() }

    func stop() {
        for process in servers + sidecars.values.flatMap(\.self) { process.stop() }
    }

    func target(_ side: Site.Side, _ family: Family, port: UInt16 = echoPort) -> Endpoint {
        Endpoint(address: side.pods.serverAddress(family), port: port)
    }

    /// Until a response has come by both families.
    private func waitUntilOpen(_ side: Site.Side) throws {
        let worker = try site.worker(side)
        for family in Family.allCases {
            var order = weir_bench_order(WEIR_BENCH_CONNECT, to: target(side, family))
            order.count = 1
            try worker.retry(order, "\(program.name) does not start as a sidecar (case \(side.case.rawValue))")
        }
    }

    /// Processor time so far, in seconds: of each side's sidecars, and of the whole side.
    var use: [Case: (sidecars: Double, all: Double)] {
        Dictionary(
            site.sides.map { side in
                (side.case, ((sidecars[side.case] ?? []).reduce(0) { $0 + $1.cpu }, side.cgroup.cpu))
            }, uniquingKeysWith: { first, _ in first })
    }

    /// Sidecars that carry everything use much of a side's time; those that were gone around use none.
    func verify(since begin: [Case: (sidecars: Double, all: Double)]) throws {
        for (one, now) in use where sidecars[one] != nil {
            let before = begin[one] ?? (0, 0)
            guard now.sidecars - before.sidecars > (now.all - before.all) / 10 else {
                throw BenchError(
                    "the traffic of the case \(one.rawValue) did not go through \(program.name); "
                        + "run weir check for what is in the way")
            }
        }
    }
}

extension Exclusions {
    /// - Parameter isInbound: whether there is a sidecar that takes what comes in.
    func policy(isInbound: Bool) throws -> PolicySpecification {
        var policy = try policy()
        if !isInbound { policy.inboundIncludePorts = .listed([]) }
        return policy
    }
}
