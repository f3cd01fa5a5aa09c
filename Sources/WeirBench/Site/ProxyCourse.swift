import CWeirBench
import Glibc
import WeirCore

/// Pods that differ in the proxy that is their sidecar, for what they send.
final class ProxyCourse {
    let sides: [Site.Side]
    private var proxies: [LoadProcess] = []
    private var servers: [LoadProcess] = []

    init(_ site: Site, _ programs: [(Case, ProxyProgram)]) throws {
        sides = try site.intercepted(programs.map(\.0))
        for (side, (one, program)) in zip(sides, programs) {
            let ports = ["--echo", "\(SidecarPath.echoPort)", "--discard", "\(SidecarPath.discardPort)"]
            let place = side.place(in: side.pods.serverPath, Site.applicationID, Processors.servers)
            servers.append(try site.server(ports, in: place))
            let command = try program.command(in: site.folder, threads: Processors.servers.count)
            proxies.append(
                try LoadProcess(
                    ["exec"] + command, in: side.place(in: side.pods.clientPath, Site.proxyID, Processors.servers),
                    interruption: site.interruption, log: "\(site.folder)/\(one.word).log", isDiscarding: true))
        }
        for side in sides { try wait(site, side) }
    }

    deinit { for process in proxies + servers { process.stop() } }

    func target(_ side: Site.Side, _ family: Family, _ port: UInt16) -> Endpoint {
        Endpoint(address: side.pods.serverAddress(family), port: port)
    }

    /// Bytes of memory that the proxy of a side has.
    func memory(_ index: Int) -> Double { proxies[index].memory }

    /// Until the proxy's memory stops growing.
    func settle(_ index: Int) throws {
        var last = -1.0
        for _ in 0..<50 where memory(index) != last {
            last = memory(index)
            usleep(100_000)
        }
    }

    private func wait(_ site: Site, _ side: Site.Side) throws {
        let worker = try site.worker(side)
        for family in Family.allCases {
            var order = weir_bench_order(WEIR_BENCH_CONNECT, to: target(side, family, SidecarPath.echoPort))
            order.count = 1
            do {
                try worker.retry(order, "\(side.case.rawValue) does not start as a sidecar")
            } catch {
                let log = System.read("\(site.folder)/\(side.case.word).log") ?? ""
                guard let said = log.split(separator: "\n").last else { throw error }
                throw BenchError("\(error); it says: \(said)")
            }
        }
    }
}
