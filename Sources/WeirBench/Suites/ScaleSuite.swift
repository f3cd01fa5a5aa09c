import WeirCore

/// What many workloads and many connections on one node cost.
struct ScaleSuite: Suite {
    let name = SuiteName.scale
    /// Workloads on the node beside those of other cases: the one that is measured, and idle ones.
    var workloads = [1, 100, 500]
    var rounds = 20
    /// Connections of one case in one round.
    var block = 50
    /// Connections of one case that are held open.
    var open = 10_000
    var memoryRounds = 2

    func planned(_ cases: Int) -> Double {
        Double((workloads.count + 1) * rounds * block * cases) * 120e-6 + Double(workloads.max() ?? 0) * 0.06
            + Double(open * memoryRounds * cases) * 120e-6
    }

    func run(_ site: Site, _ progress: Progress) throws -> [Measurement] {
        let servers = try site.standIns(["--echo", "\(Site.proxyPort)"])
        defer { servers.forEach { $0.stop() } }
        try site.apply(try Exclusions().policy())
        let contest = try Contest(site, progress, title: "scale")
        var measurements: [Measurement] = []
        // Not for the suites that follow, if this one fails.
        defer { try? site.crowd(0) }
        for (number, count) in workloads.enumerated() {
            let share = 0.6 / Double(workloads.count)
            contest.part = Double(number) * share...Double(number + 1) * share
            contest.title = "scale, \(count) workloads"
            progress.step("\(contest.title): making them", contest.part.lowerBound, important: true)
            try site.crowd(count - 1)
            measurements.append(try connect(contest, Measurement.Parameter(name: "workloads", value: Double(count))))
        }
        try site.crowd(0)
        contest.title = "scale, \(open) open connections"
        progress.step("\(contest.title)", 0.6, important: true)
        contest.part = 0.8...1
        measurements.append(try memory(contest))
        for index in contest.sides.indices { try contest.hold(open, on: index, to: Site.intercepted) }
        measurements.append(try connect(contest, Measurement.Parameter(name: "open connections", value: Double(open))))
        return measurements
    }

    private func connect(_ contest: Contest, _ parameter: Measurement.Parameter) throws -> Measurement {
        let times = try contest.connections(rounds: rounds, block: block, family: .ipv4, to: Site.intercepted)
        return measurement("time to connect", "IPv4", parameter, .nanoseconds, times.connect)
    }

    /// What the kernel's caches hold more with so many connections than without: sockets of both ends, and what
    /// interception keeps of them.
    private func memory(_ contest: Contest) throws -> Measurement {
        var tallies = contest.sides.map { _ in Tally() }
        for _ in 0..<memoryRounds {
            for index in contest.sides.indices {
                let before = KernelMemory.settled
                try contest.hold(open, on: index, to: Site.intercepted)
                tallies[index].add((KernelMemory.settled - before) / Double(open))
                try contest.hold(0, on: index, to: Site.intercepted)
            }
        }
        return measurement(
            "kernel memory of a connection", "both ends", nil, .bytes,
            contest.sides.indices.compactMap { tallies[$0].result(contest.sides[$0].case) })
    }
}
