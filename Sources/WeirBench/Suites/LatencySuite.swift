import CWeirBench
import WeirCore

/// Latency against client connections: requests from an application through two sidecars to another application, as
/// fast as they go, and at a fixed rate that every case can keep up with.
struct LatencySuite: Suite {
    let name = SuiteName.latency
    var connections: [Int]
    var rounds = 8
    var milliseconds = 250
    var program = ProxyProgram.sidecar()
    /// Bytes of a request, and of a response.
    static let size: UInt32 = 128

    var planned: Double { Double(connections.count * rounds * milliseconds * 5 * 2) / 1000 * 1.2 + 5 }

    func run(_ site: Site, _ progress: Progress) throws -> [Measurement] {
        progress.step("latency: starting \(program.name) as sidecars", important: true)
        let path = try SidecarPath(site, program)
        // One process a family.
        let workers = try site.sides.map { side in try Family.allCases.map { _ in try site.worker(side) } }
        var measurements: [Measurement] = []
        for (number, count) in connections.enumerated() {
            progress.step("latency: \(count) connections", Double(number) / Double(connections.count))
            let load = Load(site: site, path: path, workers: workers, connections: count)
            measurements += try measure(load, progress)
        }
        return measurements
    }

    private func measure(_ load: Load, _ progress: Progress) throws -> [Measurement] {
        var latency = load.site.sides.map { _ in Tally() }
        var rate = latency
        var paced = latency
        let begin = load.path.cpu
        var meter = Meter(load.site)
        for round in 0..<rounds {
            progress.step("latency: \(load.connections) connections, as fast as it goes, round \(round + 1) of \(rounds)")
            for index in load.site.sides.indices.inTurn(round) {
                let answers = try load.run(index, milliseconds: milliseconds)
                latency[index].add(round: answers.flatMap { $0.series.first ?? [] }, isPaced: false)
                let operations = answers.reduce(0) { $0 + $1.operations }
                rate[index].add(Double(operations) / (answers.map(\.elapsed).max() ?? 1), count: operations)
            }
        }
        try verify(load, since: begin, meter)
        let cpu = meter.read(operations: rate.map(\.count))
        // Half of what the slowest can: nobody has a queue that grows.
        let pace = (rate.map { Median.of($0.rounds) }.min() ?? 0) / 2
        meter = Meter(load.site)
        for round in 0..<rounds where pace > 0 {
            progress.step("latency: \(load.connections) connections, \(Int(pace)) requests/s, round \(round + 1) of \(rounds)")
            for index in load.site.sides.indices.inTurn(round) {
                let answers = try load.run(index, milliseconds: milliseconds, pace: pace)
                paced[index].add(round: answers.flatMap { $0.series.first ?? [] }, isPaced: true)
            }
        }
        let pacedCPU = meter.read(operations: paced.map(\.count))
        let sides = load.site.sides
        return [
            load.measurement("latency at saturation", program, .nanoseconds, zip(sides, latency).map { side, tally in
                tally.result(side.case, cpu: cpu[side.case])
            }),
            load.measurement("requests per second", program, .perSecond, zip(sides, rate).map { side, tally in
                tally.result(side.case)
            }),
            load.measurement("latency at a fixed rate", program, .nanoseconds, zip(sides, paced).map { side, tally in
                tally.result(side.case, cpu: pacedCPU[side.case])
            }),
        ]
    }

    /// Sidecars that carry everything use much of the processor; those that were gone around use none.
    private func verify(_ load: Load, since begin: [Case: Double], _ meter: Meter) throws {
        let now = load.path.cpu
        for (one, seconds) in meter.seconds where one != .direct {
            let used = (now[one] ?? 0) - (begin[one] ?? 0)
            guard used > seconds * 0.1 else {
                throw BenchError(
                    "the traffic of case \(one.rawValue) did not go through \(load.path.program.name): "
                        + "see weir check, and report it")
            }
        }
    }

    /// Requests on so many connections of one side after the other.
    struct Load {
        let site: Site
        let path: SidecarPath
        let workers: [[Worker]]
        let connections: Int

        /// - Parameter pace: requests a second over all connections; nil: as many as go.
        func run(_ index: Int, milliseconds: Int, pace: Double? = nil) throws -> [Worker.Answer] {
            try site.interruption.check()
            // One family has the odd connection; of one connection the other has none.
            let shares = [(connections + 1) / 2, connections / 2]
            var busy: [Worker] = []
            for (number, worker) in workers[index].enumerated() where shares[number] > 0 {
                let target = path.target(site.sides[index], Family.allCases[number])
                var order = weir_bench_order(WEIR_BENCH_REQUEST, to: target)
                order.connections = UInt32(shares[number])
                order.milliseconds = UInt32(milliseconds)
                order.size = LatencySuite.size
                if let pace { order.interval_ns = UInt64(1e9 * Double(connections) / (pace * Double(shares[number]))) }
                try worker.begin(order)
                busy.append(worker)
            }
            return try busy.map { try $0.answer() }
        }

        func measurement(
            _ what: String, _ program: ProxyProgram, _ unit: Measurement.Unit, _ results: [Measurement.Result?]
        ) -> Measurement {
            var one = Measurement(
                suite: SuiteName.latency.rawValue, what: what, variant: "through \(program.name)",
                parameter: Measurement.Parameter(name: "connections", value: Double(connections)), unit: unit,
                results: results.compactMap(\.self))
            one.compare()
            return one
        }
    }
}

extension Range<Int> {
    /// Backwards every other round: no case is always the one after another.
    func inTurn(_ round: Int) -> [Int] { round % 2 == 0 ? Array(self) : reversed() }
}
