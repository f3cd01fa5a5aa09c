import WeirCore

/// Latency against client connections: requests from an application through two sidecars to another application, as
/// fast as they go, and at a fixed rate that every case can keep up with.
struct LatencySuite: Suite {
    let name = SuiteName.latency
    /// Of one client.
    var connections = [1, 2, 5, 10, 25, 50, 100]
    var rounds = 16
    var milliseconds = 100
    var program = ProxyProgram.sidecar()

    func planned(_ cases: Int) -> Double {
        Double(connections.count * rounds * milliseconds * cases * 2) / 1000 * 1.3 + 5
    }

    func run(_ site: Site, _ progress: Progress) throws -> [Measurement] {
        progress.step("latency: starting \(program.name) as sidecars", important: true)
        let path = try SidecarPath(site, program)
        let contest = try Contest(site, progress, title: "latency")
        return try connections.enumerated().flatMap { number, count in
            contest.title = "latency, \(count) connections"
            contest.part =
                Double(number) / Double(connections.count)...(Double(number) + 0.5) / Double(connections.count)
            return try measure(contest, path, count)
        }
    }

    private func measure(_ contest: Contest, _ path: SidecarPath, _ count: Int) throws -> [Measurement] {
        let target: Contest.Target = { Site.application($0, $1) }
        let free = try path.measure {
            try contest.requests(rounds: rounds, milliseconds: milliseconds, connections: count, to: target)
        }
        // A quarter of what the slowest can: requests that do not come in heaps cost more each, up to twice as much, and
        // no case may have a queue that grows.
        let pace = (free.rate.map(\.summary.p50).min() ?? 0) / 4
        contest.part = contest.part.upperBound...contest.part.upperBound + 0.5 / Double(connections.count)
        let paced = try contest.requests(
            rounds: rounds, milliseconds: milliseconds, connections: count, pace: max(pace, 100), to: target)
        let parameter = Measurement.Parameter(name: "connections", value: Double(count))
        let variant = path.program.name
        // The processor time stands next to the latency.
        let rate = free.rate.map { result in
            var result = result
            result.cpu = nil
            return result
        }
        return [
            measurement("latency at saturation", variant, parameter, .nanoseconds, free.latency),
            measurement("requests per second", variant, parameter, .perSecond, rate),
            measurement("latency at a fixed rate", variant, parameter, .nanoseconds, paced.latency),
        ]
    }
}
