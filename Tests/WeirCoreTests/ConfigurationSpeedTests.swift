import Testing
import WeirCore

@Suite struct ConfigurationSpeedTests {
    /// A list of 10,000 ranges has no limit to run into, and is read in a time that nobody notices.
    @Test func readsLongLists() throws {
        let ranges = (0..<10_000).map { "10.\($0 / 256).\($0 % 256).0/24" }.joined(separator: ", ")
        let yaml = """
            workloads:
              - name: a
                selector: {cgroup: /c}
                mesh: istio
                outbound: {excludeRanges: [\(ranges)]}
            """
        var count = 0
        let time = try ContinuousClock().measure {
            count = try Configuration(yaml: yaml).workloads[0].policy.outboundExcludeRanges.count
        }
        print("configuration: 10000 ranges read in \(time)")
        #expect(count == 10_000 && time < .seconds(10))
    }
}
