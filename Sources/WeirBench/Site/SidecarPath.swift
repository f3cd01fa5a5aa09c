import WeirCore

/// The way of a mesh, built for every side: application, sidecar, the sidecar of the other pod, application. The side
/// without interception has no sidecars.
final class SidecarPath {
    let program: ProxyProgram
    private let site: Site
    private var applications: [LoadProcess] = []
    /// Of each side that intercepts.
    private var sidecars: [Case: [LoadProcess]] = [:]

    init(_ site: Site, _ program: ProxyProgram) throws {
        self.site = site
        self.program = program
        try site.apply(try Exclusions().policy(isInbound: program.isBothWays))
        let command = try program.command(in: site.folder, threads: Processors.servers.count)
        for side in site.sides {
            applications.append(try site.application(side))
            guard side.case != .direct else { continue }
            var own = [try site.sidecar(command, of: side, in: side.pods.clientPath, on: Processors.clients)]
            if program.isBothWays {
                own.append(try site.sidecar(command, of: side, in: side.pods.serverPath, on: Processors.servers))
            }
            sidecars[side.case] = own
        }
        for side in site.sides { try site.waitForSidecars(of: side, program.name) }
    }

    /// Measures by this way, and refuses what did not go through the sidecars: those that carry everything use much of a
    /// side's processor time.
    func measure<Result>(_ body: () throws -> Result) throws -> Result {
        let begin = use
        let result = try body()
        for (one, now) in use where sidecars[one] != nil {
            let before = begin[one] ?? (0, 0)
            guard now.sidecars - before.sidecars > (now.all - before.all) / 10 else {
                throw BenchError(
                    "the traffic of the case \(one.rawValue) did not go through \(program.name); "
                        + "run weir check for what is in the way")
            }
        }
        return result
    }

    /// Processor time so far, in seconds: of each side's sidecars, and of the whole side.
    private var use: [Case: (sidecars: Double, all: Double)] {
        Dictionary(
            site.sides.map { side in
                (side.case, ((sidecars[side.case] ?? []).reduce(0) { $0 + $1.cpu }, side.cgroup.cpu))
            }, uniquingKeysWith: { first, _ in first })
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
