import Glibc
import WeirAgent
import WeirBPF

/// One run of `weir bench`.
public struct Bench {
    public struct Options: Sendable {
        public var quick = false
        /// Empty: all.
        public var only: [SuiteName] = []
        /// Client connections at which latency is measured.
        public var connections = [1, 2, 5, 10, 25, 50, 100]
        /// Path of Merbridge's objects, which makes it a case.
        public var merbridge: String?

        public init() {}
    }

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
        let interruption = Interruption()
        defer { BenchLeftovers.remove(Names.own) }
        let cases = Case.mechanisms.filter { $0 != .merbridge || options.merbridge != nil }
        let suites = suites
        for suite in suites { progress.plan(seconds: suite.planned(cases.count)) }
        progress.step("making namespaces and installing a Weir of this run's own", important: true)
        let site = try Site(cases, merbridge: options.merbridge, interruption: interruption)
        var report = Report(
            quick: options.quick, cases: site.sides.map(\.case),
            missing: cases.compactMap { one in
                site.missing[one].map { Report.Missing(case: one, reason: $0) }
            })
        report.others = Set(try ForeignProgram.atCgroupRoot(isWeirForeign: true).map(\.name)).sorted()
        report.floor = try floor(site)
        for suite in suites {
            progress.begin(seconds: suite.planned(cases.count))
            do {
                report.measurements += try suite.run(site, progress)
            } catch let error as BenchError {
                // What the other suites found is still true.
                if let interrupted = interruption.error { throw interrupted }
                report.failures.append("the suite \(suite.name.rawValue) was not measured: \(error)")
            }
        }
        report.seconds = progress.elapsed
        return report
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
        var latency = LatencySuite(connections: options.connections)
        var stream = StreamSuite()
        var scale = ScaleSuite()
        var harm = HarmSuite()
        var proxy = ProxySuite()
        if options.quick {
            connect.steps = [Exclusions(), Exclusions(ranges: 1000), Exclusions(ranges: 10000)]
            connect.rounds = 30
            connect.rateRounds = 12
            latency.connections = latency.connections.filter { [1, 10, 100].contains($0) }
            if latency.connections.isEmpty { latency.connections = options.connections }
            latency.rounds = 16
            stream.sizes = [1024, 65536]
            stream.rounds = 16
            scale.workloads = [1, 100]
            harm.rounds = 40
            harm.streamRounds = 16
            proxy.rounds = 12
        }
        let all: [any Suite] = [connect, latency, stream, scale, harm, proxy]
        return all.filter { options.only.isEmpty || options.only.contains($0.name) }
    }
}
