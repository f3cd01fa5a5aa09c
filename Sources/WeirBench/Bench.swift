import Glibc
import WeirAgent
import WeirBPF

/// One run of `weir bench`.
public struct Bench {
    public struct Options: Sendable {
        public var quick = false
        /// Empty: all.
        public var only: [SuiteName] = []
        /// Client connections at which latency is measured; nil: those of the run, quick or full.
        public var connections: [Int]?
        /// Path of Merbridge's objects, which makes it a case.
        public var merbridge: String?

        public init() {}
    }

    /// How often everything is made anew, namespaces, processes and programs, as another run would: what differs between
    /// runs and not within one shows.
    private var sittings: Int { options.quick ? 2 : 3 }

    private let options: Options
    private let progress: Progress

    public init(_ options: Options, progress: Progress) {
        self.options = options
        self.progress = progress
    }

    /// Measures. Runs on one thread, which its processes die with.
    /// - Throws: `Interrupted` when a signal came; nothing is left behind then, either.
    public func run() throws -> Report {
        try Host.require()
        BenchLeftovers.remove()
        // A killed run had this process's id, as the only process of a container may.
        BenchLeftovers.remove(Names.own)
        // Proxies read their configurations as another user, whatever the caller's mask is.
        let mask = umask(0o022)
        defer { umask(mask) }
        let interruption = Interruption()
        defer { BenchLeftovers.remove(Names.own) }
        do {
            return try measure(interruption)
        } catch {
            // Processes that were killed for it make others fail first.
            try interruption.check()
            throw error
        }
    }

    private func measure(_ interruption: Interruption) throws -> Report {
        let cases = Case.mechanisms.filter { $0 != .merbridge || options.merbridge != nil }
        let suites = suites
        for suite in suites { progress.plan(seconds: suite.planned(cases.count) * Double(sittings)) }
        var report = Report(quick: options.quick, cases: [], missing: [])
        report.others = try ForeignProgram.namesAtRoot().sorted()
        for number in 1...sittings {
            progress.title = "sitting \(number) of \(sittings)"
            progress.step("making namespaces and installing a Weir of this run's own", important: true)
            let site = try Site(cases, merbridge: options.merbridge, interruption: interruption)
            let missing = cases.compactMap { one in
                site.missing[one].map { Report.Missing(case: one, reason: $0) }
            }
            if number == 1 {
                report.cases = site.sides.map(\.case)
                report.missing = missing
                report.floor = try floor(site)
            } else if let lost = missing.first(where: { report.cases.contains($0.case) }) {
                // The rounds of the cases would no longer be those of one time.
                throw BenchError("\(lost.case.rawValue) could be measured at first, and then not: \(lost.reason)")
            }
            try sit(site, suites, &report)
            site.remove()
        }
        for index in report.measurements.indices { report.measurements[index].compare() }
        report.seconds = progress.elapsed
        return report
    }

    /// Measures all of it once.
    private func sit(_ site: Site, _ suites: [any Suite], _ report: inout Report) throws {
        for suite in suites {
            progress.begin(seconds: suite.planned(report.cases.count))
            do {
                for one in try suite.run(site, progress) {
                    if let index = report.measurements.firstIndex(where: { $0.key == one.key }) {
                        report.measurements[index].add(one)
                    } else {
                        report.measurements.append(one)
                    }
                }
            } catch let error as BenchError {
                // What the other suites found is still true.
                if let interrupted = site.interruption.error { throw interrupted }
                let failure = "the suite \(suite.name.rawValue) was not measured: \(error)"
                if !report.failures.contains(failure) { report.failures.append(failure) }
            }
        }
    }

    /// One request after the other over loopback, with nothing in between.
    private func floor(_ site: Site) throws -> Summary? {
        guard let side = site.sides.first(where: { $0.case == .direct }) else { return nil }
        let place = side.place(in: side.pods.clientPath, Site.applicationID, Processors.servers.suffix(1))
        let server = try site.server(["--echo", "\(Site.proxyPort)"], in: place)
        defer { server.stop() }
        let contest = try Contest(site, progress, title: "the load generator's floor", sides: [side])
        return try contest.requests(rounds: 10, milliseconds: 50, connections: 1, to: Site.intercepted).latency.first?
            .summary
    }

    private var suites: [any Suite] {
        var connect = ConnectSuite()
        var latency = LatencySuite()
        var stream = StreamSuite()
        var scale = ScaleSuite()
        var harm = HarmSuite()
        var proxy = ProxySuite()
        if options.quick {
            connect.steps = [Exclusions(), Exclusions(ranges: 1000), Exclusions(ranges: 10000)]
            connect.rounds = 15
            connect.rateRounds = 6
            latency.connections = [1, 10, 100]
            latency.rounds = 8
            stream.sizes = [1024, 65536]
            stream.rounds = 8
            scale.workloads = [1, 100]
            scale.memoryRounds = 3
            harm.rounds = 20
            harm.streamRounds = 8
            proxy.rounds = 6
        }
        if let connections = options.connections { latency.connections = connections }
        let all: [any Suite] = [connect, latency, stream, scale, harm, proxy]
        return all.filter { options.only.isEmpty || options.only.contains($0.name) }
    }
}
