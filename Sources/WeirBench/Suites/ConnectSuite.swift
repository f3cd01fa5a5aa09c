import CWeirBench
import WeirCore

/// Connections to an address that the proxy takes: how long connect() takes, how long until the first byte is back, and
/// how many a second can be made. The server of the benchmark stands for the proxy: it is the same program in all cases.
///
/// The base, `direct`, is a connection to the proxy's port itself: what interception adds is then all of the difference.
struct ConnectSuite: Suite {
    let name = SuiteName.connect
    var steps = Exclusions.steps
    var rounds = 60
    /// Connections of one case in one round.
    var block = 100
    var rateRounds = 20
    var rateMilliseconds = 80
    /// Processes that make connections as fast as they can: half of them of each family.
    static let clients = 2

    var planned: Double {
        Double(steps.count * Family.allCases.count) * Double(rounds * block * 5) * 90e-6
            + Double(2 * rateRounds * rateMilliseconds * 5) / 1000 + Double(steps.count)
    }

    func run(_ site: Site, _ progress: Progress) throws -> [Measurement] {
        var measurements: [Measurement] = []
        let servers = try site.sides.map { side in
            let place = LoadProcess.Place(
                netns: side.pods.clientPath, cgroup: side.cgroup.path, uid: Site.proxyID, cpu: Processors.server)
            return try site.server(["--echo", "\(Site.proxyPort)"], in: place)
        }
        defer { servers.forEach { $0.stop() } }
        let workers = try site.sides.map { try site.worker($0, cpu: Processors.clients.first) }
        for (number, step) in steps.enumerated() {
            progress.step(
                "connect: putting \(step) in force", Double(number) / Double(steps.count), important: true)
            try site.apply(try step.policy())
            for family in Family.allCases {
                measurements += try times(site, workers, step, family, progress)
            }
            if step == steps.first || step.ranges == 10000 {
                measurements.append(try rate(site, step, progress))
            }
        }
        return measurements
    }

    /// Connection by connection, a block of each case in turn.
    private func times(
        _ site: Site, _ workers: [Worker], _ step: Exclusions, _ family: Family, _ progress: Progress
    ) throws -> [Measurement] {
        var tallies = site.sides.map { _ in [Tally(), Tally()] }
        let orders = site.sides.map { side in
            var order = weir_bench_order(WEIR_BENCH_CONNECT, to: target(side.case, family))
            order.count = UInt32(block)
            return order
        }
        for index in workers.indices { _ = try workers[index].run(orders[index]) }
        let meter = Meter(site)
        for round in 0..<rounds {
            progress.step("connect: \(step), \(family.rawValue), round \(round + 1) of \(rounds)")
            for index in workers.indices.inTurn(round) {
                let answer = try workers[index].run(orders[index])
                for (number, samples) in answer.series.enumerated() { tallies[index][number].add(samples) }
            }
            try site.interruption.check()
        }
        let cpu = meter.read(operations: tallies.map { $0[0].count })
        return ["time to connect", "time to first byte"].enumerated().map { number, what in
            measurement(what, family.rawValue, step, .nanoseconds, zip(site.sides, tallies).map { side, tally in
                tally[number].result(side.case, cpu: cpu[side.case])
            })
        }
    }

    /// As many as can be made, by several processes on the processors that the server does not run on.
    private func rate(_ site: Site, _ step: Exclusions, _ progress: Progress) throws -> Measurement {
        let workers = try site.sides.map { side in
            try (0..<Self.clients).map { try site.worker(side, cpu: Processors.clients[$0 % Processors.clients.count]) }
        }
        var tallies = site.sides.map { _ in Tally() }
        let meter = Meter(site)
        for round in 0..<rateRounds {
            progress.step("connect: \(step), rate, round \(round + 1) of \(rateRounds)")
            for index in workers.indices.inTurn(round) {
                for (number, worker) in workers[index].enumerated() {
                    let family = Family.allCases[number % 2]
                    var order = weir_bench_order(WEIR_BENCH_CONNECT, to: target(site.sides[index].case, family))
                    order.milliseconds = UInt32(rateMilliseconds)
                    try worker.begin(order)
                }
                let answers = try workers[index].map { try $0.answer() }
                tallies[index].add(
                    answers.reduce(0) { $0 + Double($1.operations) / $1.elapsed },
                    count: answers.reduce(0) { $0 + $1.operations })
            }
            try site.interruption.check()
        }
        let cpu = meter.read(operations: tallies.map(\.count))
        return measurement("connections per second", "both families", step, .perSecond,
            zip(site.sides, tallies).map { side, tally in tally.result(side.case, cpu: cpu[side.case]) })
    }

    private func target(_ one: Case, _ family: Family) -> Endpoint {
        one == .direct
            ? Endpoint(address: family.loopback, port: Site.proxyPort) : Endpoint(address: family.elsewhere, port: 80)
    }

    private func measurement(
        _ what: String, _ variant: String, _ step: Exclusions, _ unit: Measurement.Unit, _ results: [Measurement.Result?]
    ) -> Measurement {
        var one = Measurement(
            suite: name.rawValue, what: what, variant: variant, parameter: step.parameter, unit: unit,
            results: results.compactMap(\.self))
        one.compare()
        return one
    }
}

extension Exclusions: CustomStringConvertible {
    var parameter: Measurement.Parameter {
        ports > 0
            ? Measurement.Parameter(name: "excluded ports", value: Double(ports))
            : Measurement.Parameter(name: "excluded CIDRs", value: Double(ranges))
    }

    var description: String { "\(Int(parameter.value)) \(parameter.name)" }
}
