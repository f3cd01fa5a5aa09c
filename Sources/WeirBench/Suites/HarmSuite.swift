import WeirCore

/// What those pay who are not intercepted: a process outside the mesh on a node with Weir, what a workload sends past
/// its proxy to another node, and a connection once it is established.
struct HarmSuite: Suite {
    let name = SuiteName.harm
    var rounds = 27
    var block = 100
    var streamRounds = 16
    var milliseconds = 60
    private static let otherPort: UInt16 = 9000

    func planned(_ cases: Int) -> Double {
        Double(3 * rounds * block * cases) * 120e-6 + Double(5 * streamRounds * milliseconds * cases) / 1000
    }

    func run(_ site: Site, _ progress: Progress) throws -> [Measurement] {
        try bystander(site, progress) + elsewhere(site, progress) + established(site, progress)
    }

    /// One pod that is no workload, by processes that Weir's programs see and by others that they do not.
    private func bystander(_ site: Site, _ progress: Progress) throws -> [Measurement] {
        try site.apply(try Exclusions().policy())
        let sides = try site.bystanders()
        let servers = try sides.map { side in
            // The port differs, the namespace does not.
            try site.server(
                ["--echo", "\(port(side))", "--discard", "\(port(side) + 1)"],
                in: side.place(in: side.pods.serverPath, Site.applicationID, Processors.servers.suffix(1)))
        }
        defer { servers.forEach { $0.stop() } }
        let contest = try Contest(site, progress, title: "harm, a bystander", sides: sides)
        contest.part = 0...0.15
        let pods = try contest.connections(rounds: rounds, block: block, family: .ipv4) { side, family in
            Endpoint(address: side.pods.serverAddress(family), port: port(side))
        }
        contest.part = 0.15...0.25
        let stream = try contest.stream(rounds: streamRounds, milliseconds: milliseconds, size: 65536) { side, family in
            Endpoint(address: side.pods.serverAddress(family), port: port(side) + 1)
        }
        contest.part = 0.25...0.4
        try site.registerCgroup(true)
        // Not for what is measured next, if this fails.
        defer { try? site.registerCgroup(false) }
        let hosts = try contest.connections(rounds: rounds, block: block, family: .ipv4) { side, family in
            Endpoint(address: side.pods.serverAddress(family), port: port(side))
        }
        try site.registerCgroup(false)
        return [
            measurement("time to connect", "outside the mesh", nil, .nanoseconds, pods.connect),
            measurement("time to connect", "outside, some workload is a cgroup", nil, .nanoseconds, hosts.connect),
            measurement("throughput", "outside the mesh", nil, .bytesPerSecond, stream),
        ]
    }

    private func port(_ side: Site.Side) -> UInt16 { side.case == .direct ? 7000 : 7100 }

    /// A workload calls a port that its policy excludes, on another node.
    private func elsewhere(_ site: Site, _ progress: Progress) throws -> [Measurement] {
        var policy = try Exclusions().policy(isInbound: false)
        policy.outboundExcludePorts = [PortRange(Self.otherPort, Self.otherPort + 1)]
        try site.apply(policy)
        // Merbridge gets no exclusions here.
        let sides = site.sides.filter { $0.case != .merbridge }
        // Another node is another kernel: no program of this one sees the server.
        let servers = try sides.map { side in
            try site.server(
                ["--echo", "\(Self.otherPort)", "--discard", "\(Self.otherPort + 1)"],
                in: LoadProcess.Place(
                    netns: side.pods.serverPath, cgroup: site.plainCgroup.path, uid: Site.applicationID,
                    cpus: Processors.servers.suffix(1)))
        }
        defer { servers.forEach { $0.stop() } }
        let contest = try Contest(site, progress, title: "harm, to another node", sides: sides)
        contest.part = 0.4...0.6
        let times = try contest.connections(rounds: rounds, block: block, family: .ipv4) { side, family in
            Endpoint(address: side.pods.serverAddress(family), port: Self.otherPort)
        }
        let stream = try contest.stream(rounds: streamRounds, milliseconds: milliseconds, size: 65536) { side, family in
            Endpoint(address: side.pods.serverAddress(family), port: Self.otherPort + 1)
        }
        return [
            measurement("time to connect", "a workload, past its proxy", nil, .nanoseconds, times.connect),
            measurement("throughput", "a workload, past its proxy", nil, .bytesPerSecond, stream),
        ]
    }

    /// The stand-in for the proxy at the other end of a redirected connection, and of one to it.
    private func established(_ site: Site, _ progress: Progress) throws -> [Measurement] {
        try site.apply(try Exclusions().policy())
        var measurements: [Measurement] = []
        do {
            let servers = try site.standIns(["--echo", "\(Site.proxyPort)"])
            defer { servers.forEach { $0.stop() } }
            let contest = try Contest(site, progress, title: "harm, established")
            contest.part = 0.6...0.8
            let requests = try contest.requests(
                rounds: streamRounds, milliseconds: milliseconds, connections: 1, to: Site.intercepted)
            measurements.append(
                measurement("round trip", "a redirected connection", nil, .nanoseconds, requests.latency))
        }
        let servers = try site.standIns(["--discard", "\(Site.proxyPort)"])
        defer { servers.forEach { $0.stop() } }
        let contest = try Contest(site, progress, title: "harm, established")
        contest.part = 0.8...1
        let stream = try contest.stream(
            rounds: streamRounds, milliseconds: milliseconds, size: 65536, to: Site.intercepted)
        return measurements + [measurement("throughput", "a redirected connection", nil, .bytesPerSecond, stream)]
    }
}
