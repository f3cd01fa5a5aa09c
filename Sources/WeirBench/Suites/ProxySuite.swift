/// Proxies as sidecars of the same kind of pod, intercepted by Weir: connections go through one of them to a server.
struct ProxySuite: Suite {
    let name = SuiteName.proxy
    var rounds = 16
    var milliseconds = 100
    var idle = 1000
    var connections = 50

    func planned(_ cases: Int) -> Double { Double(4 * rounds * milliseconds * 3) / 1000 * 1.2 + 10 }

    func run(_ site: Site, _ progress: Progress) throws -> [Measurement] {
        progress.step("proxy: starting the proxies", important: true)
        var programs: [(Case, ProxyProgram)] = [(.weirProxy, .weir)]
        if let path = ProxyProgram.findEnvoy() { programs.append((.envoy, .envoy(path))) }
        if let path = System.find("haproxy") { programs.append((.haproxy, .haproxy(path))) }
        let course = try ProxyCourse(site, programs)
        let contest = try Contest(site, progress, title: "proxy", sides: course.sides)
        let echo: Contest.Target = { Site.application($0, $1) }
        contest.part = 0...0.3
        let rate = try contest.connectionRate(rounds: rounds, milliseconds: milliseconds, to: echo)
        contest.part = 0.3...0.6
        let requests = try contest.requests(
            rounds: rounds, milliseconds: milliseconds, connections: connections, to: echo)
        contest.part = 0.6...0.9
        let stream = try contest.stream(rounds: rounds, milliseconds: milliseconds, size: 65536) {
            Site.application($0, $1, port: Site.discardPort)
        }
        let memory = try contest.sides.indices.map { index in
            let before = course.memory(index)
            try contest.hold(idle, on: index, to: echo)
            course.settle(index)
            return (index, course.memory(index) - before)
        }
        let at = Measurement.Parameter(name: "connections", value: Double(connections))
        return [
            measurement("connections per second", "one sidecar", nil, .perSecond, rate),
            measurement("latency at saturation", "one sidecar", at, .nanoseconds, requests.latency),
            measurement("throughput", "one sidecar", nil, .bytesPerSecond, stream),
            measurement(
                "memory of \(idle) idle connections", "of the process", nil, .bytes,
                memory.compactMap { index, bytes in
                    var tally = Tally()
                    tally.add(bytes)
                    return tally.result(contest.sides[index].case)
                }),
        ]
    }
}
