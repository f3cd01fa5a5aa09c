import Testing
import WeirCore

/// What no node has room for is said when the file is read, and not by a map that is full.
@Suite struct ConfigurationRoomTests {
    private func problems(_ head: String, _ count: Int, _ workload: @escaping (Int) -> String) -> [String] {
        let list = (0..<count).map { "  - {name: w\($0), \(workload($0))}\n" }.joined()
        do {
            _ = try Configuration(yaml: "\(head)\nworkloads:\n\(list)")
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test func workloads() {
        let workload = { (index: Int) -> String in "selector: {netns: /n\(index)}, mesh: istio" }
        #expect(
            problems("", 16_385, workload)
                == ["workloads: has 16385 workloads, and the kernel's map has room for 16384; remove some"])
    }

    /// A proxy's cgroup takes a place beside its workload's.
    @Test func cgroups() {
        let workload = { (index: Int) -> String in
            "selector: {cgroup: /c\(index)}, proxy: {outbound: 1, cgroup: /p\(index)}"
        }
        #expect(problems("", 8192, workload) == [])
        #expect(
            problems("", 8193, workload) == [
                "workloads: has 16386 cgroups of workloads and of proxies, and the kernel's map has room for 16384; remove some"
            ])
    }

    /// Equal policies share a place, and rules of nftables take none.
    @Test func policies() {
        let workload = { (index: Int) -> String in
            "selector: {netns: /n\(index)}, mesh: istio, outbound: {excludePorts: [\(1 + index % 5000)]}"
        }
        #expect(problems("", 4096, workload) == [])
        let shared = { (index: Int) -> String in
            "selector: {netns: /n\(index)}, mesh: istio, outbound: {excludePorts: [\(1 + index % 4096)]}"
        }
        #expect(problems("", 5000, shared) == [])
        #expect(
            problems("", 4097, workload) == [
                "workloads: has 4097 different policies, and the kernel's map has room for 4096; let more workloads have equal ones"
            ])
        #expect(problems("mechanism: nftables", 4097, workload) == [])
    }

    /// What nftables cannot do is refused where nftables is written, by the node's key or by the workload's.
    @Test(arguments: [
        ("selector: {cgroup: /c}, mesh: istio", "selector", "cgroup /c shares the host's network namespace"),
        ("selector: {unit: a.service}, mesh: istio", "selector", "shares the host's network namespace"),
        (
            "selector: {netns: /n}, mesh: istio, whenProxyDown: direct", "whenProxyDown",
            "cannot see whether the proxy listens"
        ),
        (
            "selector: {netns: /n}, mesh: istio, whenProxyDown: fallback", "whenProxyDown",
            "cannot see whether the proxy"
        ),
        (
            "selector: {netns: /n}, proxy: {outbound: 1, cgroup: /p}", "proxy.cgroup",
            "know the proxy by its user or group"
        ),
        ("selector: {netns: /n}, mesh: istio, originFrom: getsockname", "originFrom", "gives the proxy's own address"),
        ("selector: {netns: /n}, mesh: istio, acceleration: full", "acceleration", "passes nothing past the stack"),
        ("selector: {netns: /n}, mesh: istio, followPassed: true", "followPassed", "keeps no records of connections"),
    ])
    func whatNFTablesCannotDo(_ keys: String, _ key: String, _ sentence: String) {
        #expect(problems("", 1) { _ in keys } == [])
        for found in [
            problems("mechanism: nftables", 1) { _ in keys }, problems("", 1) { _ in keys + ", mechanism: nftables" },
        ] {
            #expect(found.count == 1)
            #expect(
                found.first?.hasPrefix("workloads[0].\(key): ") == true && found.first?.contains(sentence) == true,
                "\(found)")
        }
        // The workload's word counts.
        #expect(problems("mechanism: nftables", 1) { _ in keys + ", mechanism: auto" } == [])
    }
}
