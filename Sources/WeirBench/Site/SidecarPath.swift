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
        let threads = min(2, Processors.available.count)
        let command = ["exec"] + (try program.command(in: site.folder, threads: threads))
        for side in site.sides {
            let place = LoadProcess.Place(
                netns: side.pods.serverPath, cgroup: side.cgroup.path, uid: Site.applicationID)
            let ports = ["--echo", "\(Self.echoPort)", "--discard", "\(Self.discardPort)"]
            servers.append(try site.server(ports, in: place))
            guard side.case != .direct else { continue }
            let pods = program.isBothWays ? [side.pods.clientPath, side.pods.serverPath] : [side.pods.clientPath]
            sidecars[side.case] = try pods.map { path in
                let place = LoadProcess.Place(netns: path, cgroup: side.cgroup.path, uid: Site.proxyID)
                return try LoadProcess(
                    command, in: place, interruption: site.interruption, log: "\(site.folder)/\(side.case.word).log")
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

    /// Tries until a response has come by both families.
    private func waitUntilOpen(_ side: Site.Side) throws {
        let worker = try site.worker(side)
        let end = Clock.now + 30
        for family in Family.allCases {
            var order = weir_bench_order(WEIR_BENCH_CONNECT, to: target(side, family))
            order.count = 1
            while true {
                do {
                    _ = try worker.run(order)
                    break
                } catch let error as BenchError where Clock.now < end {
                    if let dead = sidecars[side.case]?.first(where: { !$0.isRunning }) {
                        let log = System.read("\(site.folder)/\(side.case.word).log") ?? ""
                        let said = log.split(separator: "\n").last.map(String.init) ?? "\(error)"
                        throw BenchError("\(program.name) does not start (\(dead.name.prefix(60))…): \(said)")
                    }
                    usleep(50_000)
                }
            }
        }
    }

    /// Processor time of each side's sidecars so far, in seconds.
    var cpu: [Case: Double] { sidecars.mapValues { $0.reduce(0) { $0 + $1.cpu } } }
}

extension Exclusions {
    /// - Parameter isInbound: whether there is a sidecar that takes what comes in.
    func policy(isInbound: Bool) throws -> PolicySpecification {
        var policy = try policy()
        if !isInbound { policy.inboundIncludePorts = .listed([]) }
        return policy
    }
}
