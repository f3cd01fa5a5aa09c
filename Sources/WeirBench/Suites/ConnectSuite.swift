import WeirCore

/// Connections to an address that the proxy takes: how long connect() takes, how long until the first byte is back, and
/// how many a second can be made. The server of the benchmark stands for the proxy: it is the same program in all cases.
///
/// The base, `direct`, is a connection to the proxy's port itself: what interception adds is then all of the difference.
struct ConnectSuite: Suite {
    let name = SuiteName.connect
    var steps = Exclusions.steps
    var rounds = 27
    /// Connections of one case in one round.
    var block = 100
    var rateRounds = 14
    var rateMilliseconds = 60

    /// Of about 120 microseconds each.
    func planned(_ cases: Int) -> Double {
        Double(steps.count * 2 * rounds * block * cases) * 120e-6 + Double(2 * rateRounds * rateMilliseconds * cases)
            / 1000 + 6
    }

    func run(_ site: Site, _ progress: Progress) throws -> [Measurement] {
        let servers = try site.standIns(["--echo", "\(Site.proxyPort)"])
        defer { servers.forEach { $0.stop() } }
        var measurements: [Measurement] = []
        for (number, step) in steps.enumerated() {
            // Merbridge has room for ten exclusions (MAX_ITEM_LEN, bpf/headers/helpers.h).
            let sides = site.sides.filter { $0.case != .merbridge || step == Exclusions() }
            let contest = try Contest(site, progress, title: "connect, \(step)", sides: sides)
            contest.part = Double(number) / Double(steps.count)...Double(number + 1) / Double(steps.count)
            progress.step("\(contest.title): putting it in force", contest.part.lowerBound, important: true)
            try site.apply(try step.policy())
            for family in Family.allCases {
                let times = try contest.connections(
                    rounds: rounds, block: block, family: family, to: Site.intercepted)
                measurements += [
                    measurement("time to connect", family.rawValue, step.parameter, .nanoseconds, times.connect),
                    measurement("time to first byte", family.rawValue, step.parameter, .nanoseconds, times.firstByte),
                ]
            }
            if step == steps.first || step.ranges == 10000 {
                let rate = try contest.connectionRate(
                    rounds: rateRounds, milliseconds: rateMilliseconds, to: Site.intercepted)
                measurements.append(
                    measurement("connections per second", "both families", step.parameter, .perSecond, rate))
            }
        }
        return measurements
    }
}
