import Glibc

/// Pods that differ in the proxy that is their sidecar, for what they send.
final class ProxyCourse {
    let sides: [Site.Side]
    private var applications: [LoadProcess] = []
    private var proxies: [LoadProcess] = []

    init(_ site: Site, _ programs: [(Case, ProxyProgram)]) throws {
        sides = try site.intercepted(programs.map(\.0))
        for (side, (_, program)) in zip(sides, programs) {
            applications.append(try site.application(side))
            let command = try program.command(in: site.folder, threads: Processors.servers.count)
            proxies.append(
                try site.sidecar(command, of: side, in: side.pods.clientPath, on: Processors.servers))
        }
        for (side, (_, program)) in zip(sides, programs) { try site.waitForSidecars(of: side, program.name) }
    }

    /// Bytes of memory that the proxy of a side has.
    func memory(_ index: Int) -> Double { proxies[index].memory }

    /// Until the proxy's memory stops growing, five seconds at most.
    func settle(_ index: Int) {
        var last = -1.0
        for _ in 0..<50 where memory(index) != last {
            last = memory(index)
            usleep(100_000)
        }
    }
}
