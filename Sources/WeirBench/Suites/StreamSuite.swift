/// Throughput of one connection by the size of its writes, on the way that the latency suite goes.
struct StreamSuite: Suite {
    let name = SuiteName.stream
    var sizes = [256, 1024, 4096, 16384, 65536, 262144]
    var rounds = 16
    var milliseconds = 60
    var program = ProxyProgram.sidecar()

    func planned(_ cases: Int) -> Double { Double(sizes.count * rounds * milliseconds * cases) / 1000 * 1.2 + 5 }

    func run(_ site: Site, _ progress: Progress) throws -> [Measurement] {
        progress.step("stream: starting \(program.name) as sidecars", important: true)
        let path = try SidecarPath(site, program)
        let contest = try Contest(site, progress, title: "stream")
        return try sizes.enumerated().map { number, size in
            contest.part = Double(number) / Double(sizes.count)...Double(number + 1) / Double(sizes.count)
            let results = try path.measure {
                try contest.stream(rounds: rounds, milliseconds: milliseconds, size: size) {
                    Site.application($0, $1, port: Site.discardPort)
                }
            }
            return measurement(
                "throughput", path.program.name, Measurement.Parameter(name: "bytes a write", value: Double(size)),
                .bytesPerSecond, results)
        }
    }
}
