import enum TestSupport.Growth
import Testing
import WeirCore

@Suite struct ConfigurationSpeedTests {
    /// A list of 10,000 ranges has no limit to run into, and costs as much a range as a short one.
    @Test func readsLongLists() throws {
        let growth = try Growth.tenfold("configuration, 1000 ranges") {
            try Self.read(1000)
        } _: {
            try Self.read(10_000)
        }
        #expect(growth < 40)
    }

    private static func read(_ count: Int) throws {
        let ranges = (0..<count).map { "10.\($0 / 256).\($0 % 256).0/24" }.joined(separator: ", ")
        let yaml = """
            workloads:
              - name: a
                selector: {cgroup: /c}
                mesh: istio
                outbound: {excludeRanges: [\(ranges)]}
            """
        #expect(try Configuration(yaml: yaml).workloads[0].policy.outboundExcludeRanges.count == count)
    }
}
