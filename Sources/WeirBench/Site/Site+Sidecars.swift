import CWeirBench
import WeirCore

/// Sidecars, and the applications behind them.
extension Site {
    static let echoPort: UInt16 = 8080
    static let discardPort: UInt16 = 8081

    /// The application in a side's other pod. It is ready when this returns.
    func application(_ side: Side) throws -> LoadProcess {
        try server(
            ["--echo", "\(Self.echoPort)", "--discard", "\(Self.discardPort)"],
            in: side.place(in: side.pods.serverPath, Self.applicationID, Processors.servers))
    }

    /// Where the client calls it.
    static func application(_ side: Side, _ family: Family, port: UInt16 = echoPort) -> Endpoint {
        Endpoint(address: side.pods.serverAddress(family), port: port)
    }

    /// A proxy in one of a side's pods.
    /// - Parameter command: of the proxy.
    func sidecar(_ command: [String], of side: Side, in netns: String, on cpus: [Int]) throws -> LoadProcess {
        try LoadProcess(
            ["exec"] + command, in: side.place(in: netns, Self.proxyID, cpus), interruption: interruption,
            log: log(side), isDiscarding: true)
    }

    /// Until a response has come through a side's sidecars by both families, half a minute at most.
    func waitForSidecars(of side: Side, _ program: String) throws {
        let worker = try worker(side)
        for family in Family.allCases {
            var order = weir_bench_order(WEIR_BENCH_CONNECT, to: Self.application(side, family))
            order.count = 1
            do {
                try worker.retry(order, "\(program) does not start as a sidecar (case \(side.case.rawValue))")
            } catch let error as BenchError {
                guard let said = System.read(log(side))?.split(separator: "\n").last else { throw error }
                throw BenchError("\(error); the last that it said: \(said)")
            }
        }
    }

    /// What the sidecars of a side write to standard error.
    private func log(_ side: Side) -> String { "\(folder)/\(side.case.word).log" }
}
