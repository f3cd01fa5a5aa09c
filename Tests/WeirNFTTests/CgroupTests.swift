import Testing
import WeirCore

@testable import WeirNFT

@Suite(.enabled(if: Pod.isPossible && TestCgroup.isPossible, "needs root, nft and cgroup v2"))
struct CgroupTests {
    private static func specification() -> PolicySpecification {
        var specification = PolicySpecification(dialect: .custom)
        specification.outboundPort = 15001
        specification.inboundEnabled = false
        return specification
    }

    /// Connects from a cgroup, by bash, and returns who answered.
    private static func ask(_ pod: Pod, from cgroup: String?) throws -> String {
        let join = cgroup.map { "echo $$ > \($0)/cgroup.procs; " } ?? ""
        return try pod.tool(
            "bash", ["-c", join + "exec 3<>/dev/tcp/203.0.113.7/80; read -t 30 -u 3 who; echo -n $who"])
    }

    /// Who answers connections from each of these cgroups: the "proxy" or the "far" end.
    private static func answers(_ pod: Pod, _ cgroups: [String?]) throws -> [String] {
        let proxy = try Socket.listener(15001)
        let far = try pod.enter(pod.outside) { try Socket.listener(80) }
        let server = Answering([(proxy, "proxy"), (far, "far")])
        defer { server.stop() }
        return try cgroups.map { try ask(pod, from: $0) }
    }

    @Test func `A host workload is captured by its cgroup, its proxy and others are not`() async throws {
        let workload = try TestCgroup("workload")
        let sidecar = try TestCgroup("sidecar")
        var specification = Self.specification()
        specification.proxyCgroup = true
        var options = Ruleset.Options()
        options.workloadCgroup = workload.cgroup
        options.proxyCgroup = sidecar.cgroup
        let ruleset = try Ruleset(PolicyCompiler.compile(specification), options)
        try await Pod.run { pod in
            try pod.load(ruleset)
            #expect(try Self.answers(pod, [workload.path, sidecar.path, nil]) == ["proxy", "far", "far"])
        }
    }

    @Test func `A pod's proxy is known by its cgroup`() async throws {
        let sidecar = try TestCgroup("native")
        var specification = Self.specification()
        specification.proxyCgroup = true
        var options = Ruleset.Options()
        options.proxyCgroup = sidecar.cgroup
        let ruleset = try Ruleset(PolicyCompiler.compile(specification), options)
        try await Pod.run { pod in
            try pod.load(ruleset)
            #expect(try Self.answers(pod, [sidecar.path, nil]) == ["far", "proxy"])
        }
    }
}
