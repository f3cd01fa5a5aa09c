import Testing
import WeirCore

/// Rules of others are understood well enough to say where they decide differently.
@Suite struct IPTablesTests {
    private static let own: [Address] = [
        Address("10.77.1.10"), .loopback4, .loopback6, Address("::6"), Address("fd00:77:1::10"),
    ].compactMap(\.self)

    private static func compare(
        _ profile: Profile, _ rules: IPTables, _ change: (inout PolicySpecification) -> Void = { _ in }
    ) throws -> IPTablesComparison {
        var specification = try profile.specification()
        change(&specification)
        return IPTablesComparison(try PolicyCompiler.compile(specification), rules, own: own)
    }

    /// What a mesh's own init container writes by default decides as its profile does by default.
    @Test(arguments: [("istio", Self.istio), ("linkerd", Self.linkerd), ("kuma", Self.kuma), ("osm", Self.osm)])
    func defaultsAgree(_ mesh: String, _ text: String) throws {
        let rules = IPTables(save: text, isIPv6: false)
        #expect(rules.isIntercepting)
        #expect(rules.mesh == mesh)
        #expect(rules.rules.allSatisfy { $0.unknown == nil })
        let comparison = try Self.compare(try #require(Profile.named(mesh)), rules) {
            $0.dns = ["istio", "kuma"].contains(mesh) ? .all : .off
        }
        #expect(comparison.differences == [])
        #expect(comparison.unknown == [])
        #expect(comparison.count > 200)
        #expect(comparison.cuts == [])
    }

    /// The rules of kumactl with its options, and what its annotations say for them.
    @Test func kumaWithOptionsAgrees() throws {
        let rules = IPTables(save: Self.kumaWithOptions, isIPv6: false)
        #expect(rules.rules.allSatisfy { $0.unknown == nil })
        let annotations = [
            "traffic.kuma.io/exclude-inbound-ports": "9090,9091", "traffic.kuma.io/exclude-outbound-ports": "3306",
            "traffic.kuma.io/exclude-outbound-ips": "10.1.0.0/16,192.168.7.7",
            "traffic.kuma.io/exclude-inbound-ips": "10.2.0.0/16",
            "traffic.kuma.io/exclude-outbound-ports-for-uids": "tcp:8000-8010:1100;udp:53:1200",
        ]
        let specification = try Profile.kuma.specification(annotations: annotations)
        let comparison = IPTablesComparison(try PolicyCompiler.compile(specification), rules, own: Self.own)
        #expect(comparison.differences == [])
        #expect(comparison.unknown == [])
        let without = try Self.compare(.kuma, rules)
        #expect(without.differences.count >= 3, "the rules have no part in it")
    }

    /// What was too much to be tried is said.
    @Test func cutsAreSaid() throws {
        let rules = IPTables(save: Self.linkerd, isIPv6: false)
        let comparison = try Self.compare(.linkerd, rules) { specification in
            specification.outboundExcludePorts = (1...100).map { PortRange(UInt16($0 * 100)) }
            specification.inboundExcludeSources = (0..<100).map {
                CIDR(containing: Address(ipv4: 0x0a00_0000 + UInt32($0) * 512), length: 120)
            }
        }
        try #require(comparison.cuts.count == 2)
        #expect(comparison.cuts[0].hasPrefix("64 of ") && comparison.cuts[0].hasSuffix(" addresses"))
        #expect(comparison.cuts[1].hasPrefix("128 of ") && comparison.cuts[1].hasSuffix(" ports"))
    }

    @Test func ipv6Agrees() throws {
        let text = Self.istio.split(separator: "\n").map { line in
            line.replacing("127.0.0.1/32", with: "::1/128").replacing("127.0.0.6/32", with: "::6/128")
        }.joined(separator: "\n")
        let comparison = try Self.compare(.istio, IPTables(save: text, isIPv6: true)) { $0.dns = .all }
        #expect(comparison.differences == [])
    }

    @Test func differencesAreNamed() throws {
        let rules = IPTables(save: Self.istio, isIPv6: false)
        let comparison = try Self.compare(.istio, rules) { specification in
            specification.dns = .all
            specification.outboundExcludePorts = [PortRange(9000)]
            specification.origins[.outboundExcludePorts] = "traffic.sidecar.istio.io/excludeOutboundPorts"
            specification.inboundExcludePorts.append(PortRange(9100))
        }
        let expected = [
            "inbound tcp from 198.51.100.7 to 10.77.1.10:9100: Weir direct (excluded_port, profile istio), iptables "
                + "to port 15006 by -A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006",
            "to 198.51.100.7:9000: Weir direct (excluded_port, traffic.sidecar.istio.io/excludeOutboundPorts), "
                + "iptables to port 15001 by -A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001",
        ]
        for part in expected {
            #expect(comparison.differences.contains { $0.contains(part) }, "\(comparison.differences)")
        }
    }

    @Test func whatIsNotUnderstoodIsSaid() throws {
        let odd = "-A PROXY_INIT_OUTPUT -p tcp -m time --timestart 08:00 -j RETURN"
        let text = Self.linkerd.replacing("-A PROXY_INIT_OUTPUT -o lo", with: "\(odd)\n-A PROXY_INIT_OUTPUT -o lo")
        let comparison = try Self.compare(.linkerd, IPTables(save: text, isIPv6: false))
        #expect(comparison.unknown == [odd])
        #expect(comparison.differences == [])
    }

    /// Text that is no rule must not crash, nor mean anything.
    @Test(arguments: [
        "", "*", "-A", "*nat\n-A", "*nat\n-A OUTPUT -p", "*nat\n-A OUTPUT -m multiport --dports 9:1,x -j REDIRECT",
        "*nat\n:OUTPUT\n-A OUTPUT -j A\n-A A -j OUTPUT", "*nat\n-A OUTPUT \"unclosed", "*nat\n-A OUTPUT ! ! !",
        "*nat\n-A OUTPUT --mark /", "*nat\n-A OUTPUT --uid-owner 5-1 -j REDIRECT", "[1:2", "*nat\n-A OUTPUT --dport :",
    ])
    func oddText(_ text: String) throws {
        let comparison = try Self.compare(.linkerd, IPTables(save: text, isIPv6: false))
        #expect(comparison.differences.allSatisfy { $0.contains("iptables direct") })
    }

    static let istio = """
        *nat
        :PREROUTING ACCEPT [0:0]
        :ISTIO_INBOUND - [0:0]
        [3:180] -A PREROUTING -p tcp -j ISTIO_INBOUND
        -A OUTPUT -j ISTIO_OUTPUT
        -A ISTIO_INBOUND -p tcp -m tcp --dport 15008 -j RETURN
        -A ISTIO_INBOUND -p tcp -m tcp --dport 15090 -j RETURN
        -A ISTIO_INBOUND -p tcp -m tcp --dport 15021 -j RETURN
        -A ISTIO_INBOUND -p tcp -m tcp --dport 15020 -j RETURN
        -A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
        -A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
        -A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
        -A ISTIO_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN
        -A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m multiport ! --dports 53,15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
        -A ISTIO_OUTPUT -o lo -p tcp -m tcp ! --dport 53 -m owner ! --uid-owner 1337 -j RETURN
        -A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
        -A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT
        -A ISTIO_OUTPUT -o lo -p tcp -m tcp ! --dport 53 -m owner ! --gid-owner 1337 -j RETURN
        -A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN
        -A ISTIO_OUTPUT -p tcp -m tcp --dport 53 -j REDIRECT --to-ports 15053
        -A ISTIO_OUTPUT -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053
        -A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN
        -A ISTIO_OUTPUT -p tcp -j ISTIO_REDIRECT
        COMMIT
        """

    private static let linkerd = """
        *nat
        -A PREROUTING -m comment --comment "proxy-init/install-proxy-init-prerouting" -j PROXY_INIT_REDIRECT
        -A OUTPUT -m comment --comment "proxy-init/install-proxy-init-output" -j PROXY_INIT_OUTPUT
        -A PROXY_INIT_OUTPUT -m owner --uid-owner 2102 -j RETURN
        -A PROXY_INIT_OUTPUT -o lo -j RETURN
        -A PROXY_INIT_OUTPUT -p tcp -m multiport --dports 4567:4568 -j RETURN
        -A PROXY_INIT_OUTPUT -p tcp -j REDIRECT --to-ports 4140
        -A PROXY_INIT_REDIRECT -p tcp -m multiport --dports 4190,4191,4567:4568 -j RETURN
        -A PROXY_INIT_REDIRECT -p tcp -j REDIRECT --to-ports 4143
        COMMIT
        """

    /// Of kumactl install transparent-proxy --redirect-dns, as iptables-save prints it.
    private static let kuma = """
        *raw
        -A PREROUTING -p udp -m udp --sport 53 -j CT --zone 1
        -A OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 5678 -j CT --zone 1
        -A OUTPUT -p udp -m udp --dport 53 -j CT --zone 2
        COMMIT
        *nat
        -A PREROUTING -p tcp -m comment --comment "kuma/mesh/transparent/proxy/inbound" -j KUMA_MESH_INBOUND
        -A OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 5678 -j RETURN
        -A OUTPUT -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053
        -A OUTPUT -p tcp -m tcp --dport 53 -m owner ! --uid-owner 5678 -j RETURN
        -A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND
        -A KUMA_MESH_INBOUND -p tcp -j KUMA_MESH_INBOUND_REDIRECT
        -A KUMA_MESH_INBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15006
        \(kumaOutbound)
        COMMIT
        """

    /// What both end their outbound chains with.
    private static let kumaOutbound = """
        -A KUMA_MESH_OUTBOUND -s 127.0.0.6/32 -o lo -j RETURN
        -A KUMA_MESH_OUTBOUND ! -d 127.0.0.1/32 -o lo -p tcp -m owner --uid-owner 5678 -j KUMA_MESH_INBOUND_REDIRECT
        -A KUMA_MESH_OUTBOUND -o lo -p tcp -m owner ! --uid-owner 5678 -j RETURN
        -A KUMA_MESH_OUTBOUND -m owner --uid-owner 5678 -j RETURN
        -A KUMA_MESH_OUTBOUND -d 127.0.0.1/32 -j RETURN
        -A KUMA_MESH_OUTBOUND -j KUMA_MESH_OUTBOUND_REDIRECT
        -A KUMA_MESH_OUTBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15001
        """

    static let kumaWithOptions = """
        *nat
        -A PREROUTING -s 10.2.0.0/16 -j RETURN
        -A PREROUTING -p tcp -j KUMA_MESH_INBOUND
        -A OUTPUT -p tcp -m multiport --dports 8000:8010 -m owner --uid-owner 1100 -j RETURN
        -A OUTPUT -p udp -m multiport --dports 53 -m owner --uid-owner 1200 -j RETURN
        -A OUTPUT -d 10.1.0.0/16 -j RETURN
        -A OUTPUT -d 192.168.7.7/32 -j RETURN
        -A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND
        -A KUMA_MESH_INBOUND -p tcp -m tcp --dport 9090 -j RETURN
        -A KUMA_MESH_INBOUND -p tcp -m tcp --dport 9091 -j RETURN
        -A KUMA_MESH_INBOUND -p tcp -j KUMA_MESH_INBOUND_REDIRECT
        -A KUMA_MESH_INBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15006
        -A KUMA_MESH_OUTBOUND -p tcp -m tcp --dport 3306 -j RETURN
        \(kumaOutbound)
        COMMIT
        """

    private static let osm = """
        *nat
        -A PREROUTING -p tcp -j OSM_PROXY_INBOUND
        -A OUTPUT -p tcp -j OSM_PROXY_OUTBOUND
        -A OSM_PROXY_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15003
        -A OSM_PROXY_INBOUND -p tcp -m tcp --dport 15010 -j RETURN
        -A OSM_PROXY_INBOUND -p tcp -m multiport --dports 15901,15902,15903,15904 -j RETURN
        -A OSM_PROXY_INBOUND -p tcp -j OSM_PROXY_IN_REDIRECT
        -A OSM_PROXY_OUT_REDIRECT -p tcp -j REDIRECT --to-ports 15001
        -A OSM_PROXY_OUTBOUND ! -d 127.0.0.1/32 -o lo -m owner --uid-owner 1500 -j OSM_PROXY_IN_REDIRECT
        -A OSM_PROXY_OUTBOUND -o lo -m owner ! --uid-owner 1500 -j RETURN
        -A OSM_PROXY_OUTBOUND -m owner --uid-owner 1500 -j RETURN
        -A OSM_PROXY_OUTBOUND -d 127.0.0.1/32 -j RETURN
        -A OSM_PROXY_OUTBOUND -j OSM_PROXY_OUT_REDIRECT
        COMMIT
        """
}
