import Testing
import WeirCore

/// Annotations, read as each mesh reads them.
@Suite struct AnnotationTests {
    private static let traffic = "traffic.sidecar.istio.io/"

    private func istio(_ texts: [String: String]) throws -> PolicySpecification {
        try Profile.istio.specification(annotations: texts)
    }

    @Test func istioDefaults() throws {
        let specification = try istio([:])
        #expect(specification.outboundPort == 15001 && specification.inboundPort == 15006)
        #expect(specification.dnsPort == 15053 && specification.tunnelPort == 15008)
        #expect(specification.proxyUIDs == [1337] && specification.proxyGIDs == [1337])
        #expect(specification.inboundExcludePorts == [15020, 15021, 15090].map { PortRange($0) })
        #expect(specification.inboundIncludePorts == .all && specification.outboundIncludeRanges == .all)
        #expect(specification.origins.isEmpty)
    }

    @Test func istioLists() throws {
        let specification = try istio([
            Self.traffic + "includeInboundPorts": "80, 8080 ", Self.traffic + "excludeInboundPorts": " 22",
            Self.traffic + "includeOutboundPorts": "443", Self.traffic + "excludeOutboundPorts": "0,65535",
            Self.traffic + "includeOutboundIPRanges": "10.1.2.3/8,fd00::/8",
            Self.traffic + "excludeOutboundIPRanges": "10.96.0.0/12", Self.traffic + "excludeInterfaces": "eth1, net1",
            "sidecar.istio.io/interceptionMode": "TPROXY", "status.sidecar.istio.io/port": "15030",
            "istio.io/reroute-virtual-interfaces": "eth2", Self.traffic + "kubevirtInterfaces": "eth3",
            "sidecar.istio.io/inject": "true",
        ])
        #expect(specification.inboundIncludePorts == .listed([PortRange(80), PortRange(8080)]))
        #expect(specification.inboundExcludePorts == [22, 15030, 15021, 15090].map { PortRange($0) })
        #expect(specification.outboundIncludePorts == [PortRange(443)])
        #expect(specification.outboundExcludePorts == [PortRange(0), PortRange(65535)])
        #expect(specification.outboundIncludeRanges.list.map(\.description) == ["10.0.0.0/8", "fd00::/8"])
        #expect(specification.outboundExcludeRanges.map(\.description) == ["10.96.0.0/12"])
        #expect(specification.excludeInterfaces == ["eth1", "net1"])
        #expect(specification.virtualInterfaces == [VirtualInterface(name: "eth2")])
        #expect(specification.interceptionMode == .tproxy)
        #expect(specification.origins[.virtualInterfaces] == "istio.io/reroute-virtual-interfaces")
        #expect(specification.origins[.inboundIncludePorts] == Self.traffic + "includeInboundPorts")
    }

    @Test func emptyIsNotEverything() throws {
        let specification = try istio([
            Self.traffic + "includeInboundPorts": "", Self.traffic + "includeOutboundIPRanges": "",
            Self.traffic + "excludeOutboundPorts": " ",
        ])
        #expect(specification.inboundIncludePorts == .listed([]))
        #expect(specification.outboundIncludeRanges == .listed([]))
        #expect(specification.outboundExcludePorts.isEmpty)
        let star = try istio([Self.traffic + "includeInboundPorts": "*", Self.traffic + "includeOutboundIPRanges": "*"])
        #expect(star.inboundIncludePorts == .all && star.outboundIncludeRanges == .all)
        let old = try istio([Self.traffic + "kubevirtInterfaces": "eth3", "status.sidecar.istio.io/port": "0"])
        #expect(old.virtualInterfaces == [VirtualInterface(name: "eth3")])
        #expect(old.inboundExcludePorts == [15021, 15090].map { PortRange($0) })
        let none = try istio(["sidecar.istio.io/interceptionMode": "NONE"])
        #expect(!none.outboundEnabled && !none.inboundEnabled)
    }

    @Test(arguments: [
        ("traffic.sidecar.istio.io/includeInboundPorts", "80,,81", "\"\" is not a port from 0 to 65535"),
        ("traffic.sidecar.istio.io/excludeInboundPorts", "80-90", "\"80-90\" is not a port from 0 to 65535"),
        ("traffic.sidecar.istio.io/excludeInboundPorts", "*", "\"*\" is not a port from 0 to 65535"),
        ("traffic.sidecar.istio.io/excludeOutboundPorts", "70000", "\"70000\" is not a port from 0 to 65535"),
        (
            "traffic.sidecar.istio.io/includeOutboundIPRanges", "10.0.0.0/8, 11.0.0.0/8",
            "\" 11.0.0.0/8\" is not an address range; write one like 10.0.0.0/8 or 2001:db8::/32"
        ),
        (
            "traffic.sidecar.istio.io/excludeOutboundIPRanges", "10.0.0.1",
            "\"10.0.0.1\" is not an address range; write one with its length, like 10.0.0.0/8"
        ),
        (
            "traffic.sidecar.istio.io/excludeInterfaces", "an-interface-too-long",
            "\"an-interface-too-long\" is not the name of a network interface"
        ),
        ("sidecar.istio.io/interceptionMode", "tproxy", "\"tproxy\" is not REDIRECT, TPROXY or NONE"),
        ("status.sidecar.istio.io/port", "http", "\"http\" is not a port up to 65535"),
        (
            "traffic.sidecar.istio.io/excludeOutboundPort", "80",
            "the istio mesh has no such annotation; did you mean traffic.sidecar.istio.io/excludeOutboundPorts?"
        ),
    ])
    func istioRefuses(_ name: String, _ text: String, _ sentence: String) {
        let error = #expect(throws: AnnotationError.self) { try istio([name: text]) }
        #expect(error?.description == "\(name): \(sentence)")
    }

    @Test func reportsAllThatIsWrong() {
        let texts = [Self.traffic + "includeInboundPorts": "a", Self.traffic + "excludeOutboundPorts": "b"]
        let error = #expect(throws: AnnotationError.self) { try istio(texts) }
        #expect(error?.problems.count == 2)
    }

    @Test func linkerdLists() throws {
        let specification = try Profile.linkerd.specification(annotations: [
            "config.linkerd.io/skip-inbound-ports": "25,6000-8000",
            "config.linkerd.io/skip-subnets": "10.1.2.3/8, ::1/128",
            "config.linkerd.io/proxy-uid": "3000", "config.linkerd.io/proxy-gid": "3001",
            "config.linkerd.io/admin-port": "9991",
        ])
        #expect(specification.inboundExcludePorts.map(\.description) == ["25", "6000-8000", "4190", "9991"])
        #expect(specification.outboundExcludePorts.map(\.description) == ["4567-4568"])
        #expect(specification.inboundExcludeSources.map(\.description) == ["10.0.0.0/8", "::1/128"])
        #expect(specification.proxyUIDs == [3000] && specification.proxyGIDs == [3001])
        let none = try Profile.linkerd.specification(annotations: [
            "config.linkerd.io/proxy-uid": "0", "config.linkerd.io/proxy-gid": "0",
            "config.linkerd.io/skip-outbound-ports": "",
        ])
        #expect(none.proxyUIDs.isEmpty && none.proxyGIDs == [0] && none.outboundExcludePorts.isEmpty)
    }

    @Test(arguments: [
        ("skip-inbound-ports", "25, 26"), ("skip-outbound-ports", "9-8"), ("skip-outbound-ports", "1-2-3"),
        ("skip-outbound-ports", "25,"), ("skip-subnets", "10.0.0.1"), ("proxy-uid", "root"), ("inbound-port", "0"),
    ])
    func linkerdRefuses(_ name: String, _ text: String) {
        #expect(throws: AnnotationError.self) {
            try Profile.linkerd.specification(annotations: ["config.linkerd.io/" + name: text])
        }
    }

    @Test func kumaLists() throws {
        let specification = try Profile.kuma.specification(annotations: [
            "traffic.kuma.io/exclude-inbound-ports": "1000, ,1001",
            "traffic.kuma.io/exclude-outbound-ips": "10.0.0.1, fd00::/8",
            "traffic.kuma.io/exclude-outbound-ports-for-uids": "tcp:22,1000-2000:106-108;*:1;80:7",
            "kuma.io/gateway": "enabled",
            "kuma.io/builtin-dns": "enabled", "kuma.io/transparent-proxying-ip-family-mode": "ipv4",
            "kuma.io/application-probe-proxy-port": "9001", "kuma.io/sidecar-uid": "5679",
        ])
        #expect(specification.inboundExcludePorts == [1000, 1001, 9001].map { PortRange($0) })
        #expect(specification.outboundExcludeRanges.map(\.description) == ["10.0.0.1/32", "fd00::/8"])
        #expect(
            specification.outboundExcludePortsForUIDs == [
                UserPorts(transports: [.tcp], ports: [PortRange(22), PortRange(1000, 2000)], users: 106...108),
                UserPorts(transports: [.tcp, .udp], ports: [PortRange(1, 65535)], users: 1...1),
                UserPorts(transports: [.tcp, .udp], ports: [PortRange(80)], users: 7...7),
            ])
        #expect(!specification.inboundEnabled && specification.dns == .all && !specification.ipv6)
        #expect(specification.proxyUIDs == [5679])
    }

    @Test(arguments: [
        ("tcp:22:1000:2", "\"tcp:22:1000:2\" has too many colons; write protocols:ports:uids, like tcp:22:1000-2000"),
        ("sctp:22:1", "\"sctp\" in \"sctp:22:1\" is not tcp or udp"),
        ("tcp:22-:1", "\"22-\" in \"tcp:22-:1\" is not a port or range of ports"),
        ("80:*", "\"*\" in \"80:*\" is not a uid or range of uids up to 65535"),
        ("80:1,2", "\"1,2\" in \"80:1,2\" is not a uid or range of uids up to 65535"),
    ])
    func kumaRefusesEntries(_ text: String, _ sentence: String) {
        let name = "traffic.kuma.io/exclude-outbound-ports-for-uids"
        let error = #expect(throws: AnnotationError.self) { try Profile.kuma.specification(annotations: [name: text]) }
        #expect(error?.description == "\(name): \(sentence)")
    }

    @Test func kumaConfiguration() throws {
        let name = "traffic.kuma.io/transparent-proxy-config"
        let text = """
            kumaDPUser: "5679"
            ipFamilyMode: dualstack
            verbose: true
            redirect:
              dns: {enabled: true, captureAll: true, port: 8888}
              inbound: {excludePorts: "1, 2", enabled: true}
              outbound: {port: 12345, excludePorts: [3], excludePortsForUIDs: ["udp:53:1"]}
              vnet: {networks: ["docker0:172.17.0.0/16", "br+:172.18.0.0/16", "iface:::/64"]}
            """
        let specification = try Profile.kuma.specification(annotations: [name: text])
        #expect(specification.proxyUIDs == [5679] && specification.dns == .all && specification.dnsPort == 8888)
        #expect(specification.inboundExcludePorts == [PortRange(1), PortRange(2)])
        #expect(specification.outboundPort == 12345 && specification.outboundExcludePorts == [PortRange(3)])
        #expect(specification.virtualInterfaces.map(\.name) == ["docker0", "br+", "iface"])
        #expect(specification.origins[.virtualInterfaces] == name)
        let bad = #expect(throws: AnnotationError.self) {
            try Profile.kuma.specification(annotations: [name: "redirect: {inbound: {port: 0}}"])
        }
        #expect(bad?.description == "\(name): redirect.inbound.port: should be a port from 1 to 65535, but is \"0\"")
    }

    @Test func osmLists() throws {
        let specification = try Profile.osm.specification(annotations: [
            "openservicemesh.io/inbound-port-exclusion-list": "6379, 7070",
            "openservicemesh.io/outbound-ip-range-inclusion-list": "10.0.0.0/8",
        ])
        #expect(specification.inboundPort == 15003 && !specification.ipv6 && specification.proxyUIDs == [1500])
        #expect(
            specification.inboundExcludePorts
                == [6379, 7070, 15010, 15901, 15902, 15903, 15904].map { PortRange($0) })
        #expect(specification.outboundIncludeRanges.list.count == 1)
        for text in ["", "0", "80-90", "80,"] {
            #expect(throws: AnnotationError.self) {
                try Profile.osm.specification(annotations: ["openservicemesh.io/inbound-port-exclusion-list": text])
            }
        }
    }

    @Test func aNewMeshIsData() throws {
        let dialect = Dialect(
            name: "tiny",
            outbound: [RuleTemplate(.direct, .proxy, by: .proxy), RuleTemplate(.outbound, .outbound)],
            inbound: [RuleTemplate(.direct, .disabled)], listedPortsBeatExclusions: false)
        var defaults = PolicySpecification(dialect: dialect)
        defaults.outboundPort = 9000
        defaults.proxyUIDs = [7]
        let profile = Profile(name: "tiny", defaults: defaults, proxyReads: .unknown)
        let policy = try PolicyCompiler.compile(profile.specification())
        let address = try Address(parsing: "9.9.9.9")
        #expect(policy.decide(Attempt(.outbound, to: address, port: 1, uid: 7)).verdict == .direct)
        #expect(policy.decide(Attempt(.outbound, to: address, port: 1, uid: 8)).verdict == .outbound)
    }
}
