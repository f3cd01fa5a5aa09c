import CWeirBench
import WeirCore

/// Throughput of one connection by the size of its writes, on the way that the latency suite goes.
struct StreamSuite: Suite {
    let name = SuiteName.stream
    var sizes = [256, 1024, 4096, 16384, 65536, 262144]
    var rounds = 8
    var milliseconds = 200
    var program = ProxyProgram.sidecar()

    var planned: Double { Double(sizes.count * rounds * milliseconds * 5) / 1000 * 1.2 + 5 }

    func run(_ site: Site, _ progress: Progress) throws -> [Measurement] {
        progress.step("stream: starting \(program.name) as sidecars", important: true)
        let path = try SidecarPath(site, program)
        let workers = try site.sides.map { try site.worker($0) }
        return try sizes.enumerated().map { number, size in
            var tallies = site.sides.map { _ in Tally() }
            let meter = Meter(site)
            for round in 0..<rounds {
                progress.step(
                    "stream: writes of \(size) bytes, round \(round + 1) of \(rounds)",
                    (Double(number) + Double(round) / Double(rounds)) / Double(sizes.count))
                for index in workers.indices.inTurn(round) {
                    try site.interruption.check()
                    let target = path.target(
                        site.sides[index], Family.allCases[round / 2 % 2], port: SidecarPath.discardPort)
                    var order = weir_bench_order(WEIR_BENCH_STREAM, to: target)
                    order.size = UInt32(size)
                    order.milliseconds = UInt32(milliseconds)
                    let answer = try workers[index].run(order)
                    tallies[index].add(Double(answer.bytes) / answer.elapsed, count: answer.bytes >> 20)
                }
            }
            let cpu = meter.read(operations: tallies.map(\.count))
            var one = Measurement(
                suite: name.rawValue, what: "throughput", variant: "through \(program.name)",
                parameter: Measurement.Parameter(name: "bytes a write", value: Double(size)), unit: .bytesPerSecond,
                results: zip(site.sides, tallies).compactMap { side, tally in
                    tally.result(side.case, cpu: cpu[side.case])
                })
            one.compare()
            return one
        }
    }
}
