import Foundation
import Testing
import WeirCore

@testable import WeirNFT

/// The rulesets of one workload of each mesh, word by word. WEIR_UPDATE_GOLDEN=1 writes them anew.
@Suite struct GoldenTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")

    private func compare(_ name: String, _ ruleset: Ruleset, line: Int = #line) throws {
        let file = Self.folder.appending(path: "\(name).nft")
        if ProcessInfo.processInfo.environment["WEIR_UPDATE_GOLDEN"] != nil {
            try ruleset.text.write(to: file, atomically: true, encoding: .utf8)
        }
        let golden = try String(contentsOf: file, encoding: .utf8)
        #expect(ruleset.text == golden, "WEIR_UPDATE_GOLDEN=1 if this is meant")
    }

    private func policy(_ profile: Profile, _ annotations: [String: String] = [:]) throws -> CompiledPolicy {
        try PolicyCompiler.compile(try profile.specification(annotations: annotations))
    }

    @Test func istio() throws {
        try compare("istio", Ruleset(policy(.istio)))
    }

    @Test func `istio in TPROXY mode, with its options`() throws {
        var options = Ruleset.Options()
        options.interceptionMode = .tproxy
        options.dropInvalid = true
        let annotations = [
            "sidecar.istio.io/interceptionMode": "TPROXY",
            "traffic.sidecar.istio.io/excludeInboundPorts": "22,8000",
            "traffic.sidecar.istio.io/includeOutboundIPRanges": "10.0.0.0/8,192.168.0.0/16",
            "traffic.sidecar.istio.io/excludeOutboundIPRanges": "10.1.0.0/16",
        ]
        let ruleset = try Ruleset(policy(.istio, annotations), options)
        try compare("istio-tproxy", ruleset)
        #expect(ruleset.routing?.mark == 1337)
        #expect(ruleset.routing?.families == ["-4", "-6"])
    }

    @Test func linkerd() throws {
        try compare("linkerd", Ruleset(policy(.linkerd, ["config.linkerd.io/skip-outbound-ports": "25,3306-3309"])))
    }

    @Test func `kuma with virtual networks, users and DNS`() throws {
        var specification = try Profile.kuma.specification()
        specification.dns = .all
        specification.virtualInterfaces = [
            VirtualInterface(name: "docker0", network: try CIDR(parsing: "172.17.0.0/16")),
            VirtualInterface(name: "br+", network: try CIDR(parsing: "172.18.0.0/16")),
            VirtualInterface(name: "br+", network: try CIDR(parsing: "fd00:18::/64")),
        ]
        specification.outboundExcludePortsForUIDs = [
            UserPorts(transports: [.tcp, .udp], ports: [PortRange(1, 65535)], users: 1...1),
            UserPorts(transports: [.tcp], ports: [PortRange(22)], users: 1...9),
        ]
        try compare("kuma", Ruleset(PolicyCompiler.compile(specification)))
    }

    @Test func osm() throws {
        try compare("osm", Ruleset(policy(.osm)))
    }

    @Test func `a proxy elsewhere, of a cgroup of the host`() throws {
        var specification = PolicySpecification(dialect: .custom)
        specification.outboundPort = 9000
        specification.inboundEnabled = false
        specification.proxyCgroup = true
        specification.proxyAddress4 = Address(ipv4: 0x0a00_0002)
        specification.dns = .all
        specification.dnsPort = 53
        specification.dnsAddress4 = Address(ipv4: 0x7f00_0035)
        specification.ipv6 = false
        var options = Ruleset.Options()
        options.table = "weir_7"
        options.workloadCgroup = try Cgroup("/sys/fs/cgroup/system.slice/cart.service", root: "/sys/fs/cgroup")
        options.proxyCgroup = try Cgroup("/sys/fs/cgroup/system.slice/envoy.service", root: "/sys/fs/cgroup")
        try compare("custom-cgroup", Ruleset(PolicyCompiler.compile(specification), options))
    }

    @Test func `istio while its proxy does not listen`() throws {
        var options = Ruleset.Options()
        options.withoutProxy = .fallback(15998)
        let text = try Ruleset(policy(.istio), options).text
        #expect(text.contains("counter name outbound.fallback.proxy_down_fallback.tcp redirect to :15998"))
        #expect(text.contains("counter name inbound.fallback.proxy_down_fallback.tcp redirect to :15998"))
        #expect(!text.contains("15001") && !text.contains("15006"))
        options.withoutProxy = .direct
        #expect(try Ruleset(policy(.istio), options).text.contains("outbound.direct.proxy_down_direct.tcp accept"))
    }
}
