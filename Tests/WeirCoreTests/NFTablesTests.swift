import TestSupport
import Testing
import WeirCore

/// Istio's own tables of nftables are understood as its iptables rules are.
@Suite struct NFTablesTests {
    private static let own: [Address] = [
        Address("10.77.1.10"), .loopback4, .loopback6, Address("::6"), Address("fd00:77:1::10"),
    ].compactMap(\.self)

    private static func compare(
        _ text: String, isIPv6: Bool, _ change: (inout PolicySpecification) -> Void = { _ in }
    ) throws -> IPTablesComparison {
        let rules = IPTables(nftables: text, isIPv6: isIPv6)
        #expect(rules.isIntercepting)
        #expect(rules.mesh == "istio")
        #expect(rules.rules.compactMap(\.unknown) == [])
        var specification = try Profile.istio.specification()
        specification.dns = .all
        change(&specification)
        let policy = try PolicyCompiler.compile(specification)
        let comparison = IPTablesComparison(policy, rules, own: own, name: "nftables")
        #expect(comparison.unknown == [])
        #expect(comparison.count > 200)
        return comparison
    }

    @Test(arguments: [false, true])
    func defaultsAgree(_ isIPv6: Bool) throws {
        #expect(try Self.compare(IstioTables.redirect(), isIPv6: isIPv6).differences == [])
        let tproxy = try Self.compare(IstioTables.tproxy(), isIPv6: isIPv6) { $0.interceptionMode = .tproxy }
        #expect(tproxy.differences == [])
    }

    @Test func differencesAreNamed() throws {
        let text = IstioTables.redirect(IstioTables.Variant(excludedPort: 9000))
        let comparison = try Self.compare(text, isIPv6: false) { $0.inboundExcludePorts.append(PortRange(9100)) }
        for part in [
            "inbound tcp from 198.51.100.7 to 10.77.1.10:9100: Weir direct (excluded_port, profile istio), nftables "
                + "to port 15006 by istio-in-redirect meta l4proto tcp counter redirect to :15006",
            "to 198.51.100.7:9000: Weir to port 15001 (outbound, profile istio), nftables direct",
        ] {
            #expect(comparison.differences.contains { $0.contains(part) }, "\(comparison.differences)")
        }
        let mode = try Self.compare(IstioTables.tproxy(), isIPv6: false)
        #expect(mode.differences.contains { $0.contains(":15008: Weir direct (tunnel_port") }, "\(mode.differences)")
    }

    /// What iptables-save prints of the same in TPROXY mode.
    @Test func tproxyOfIPTablesAgrees() throws {
        let save = """
            *mangle
            -A PREROUTING -p tcp -j ISTIO_INBOUND
            -A PREROUTING -p tcp -m mark --mark 0x539 -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff
            -A OUTPUT -o lo -p tcp -m mark --mark 0x539 -j RETURN
            -A OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m owner --uid-owner 1337 -j MARK --set-xmark 0x53a/0xffffffff
            -A OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m owner --gid-owner 1337 -j MARK --set-xmark 0x53a/0xffffffff
            -A OUTPUT -p tcp -m connmark --mark 0x539 -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff
            -A ISTIO_DIVERT -j MARK --set-xmark 0x539/0xffffffff
            -A ISTIO_DIVERT -j ACCEPT
            -A ISTIO_INBOUND -p tcp -m mark --mark 0x539 -j RETURN
            -A ISTIO_INBOUND -s 127.0.0.6/32 -i lo -p tcp -j RETURN
            -A ISTIO_INBOUND -i lo -p tcp -m mark ! --mark 0x53a -j RETURN
            -A ISTIO_INBOUND -p tcp -m multiport --dports 15020,15021,15090 -j RETURN
            -A ISTIO_INBOUND -p tcp -m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT
            -A ISTIO_INBOUND -p tcp -j ISTIO_TPROXY
            -A ISTIO_TPROXY ! -d 127.0.0.1/32 -p tcp -j TPROXY --on-port 15006 --on-ip 0.0.0.0 --tproxy-mark 0x539/0xffffffff
            COMMIT
            *nat
            -A PREROUTING -p tcp -j ISTIO_INBOUND
            -A ISTIO_INBOUND -p tcp -m tcp --dport 15008 -j RETURN
            \(IPTablesTests.istio.split(separator: "\n").filter { $0.contains("-A") && !$0.contains("INBOUND") }
                .joined(separator: "\n"))
            COMMIT
            """
        let rules = IPTables(save: save, isIPv6: false)
        #expect(rules.rules.compactMap(\.unknown) == [])
        var specification = try Profile.istio.specification()
        specification.dns = .all
        specification.interceptionMode = .tproxy
        let comparison = IPTablesComparison(try PolicyCompiler.compile(specification), rules, own: Self.own)
        #expect(comparison.differences == [])
    }

    /// Without IPv6 the tables, which are of both families, redirect it nevertheless.
    @Test func aFamilyThatIsLeftAlone() throws {
        let text = IstioTables.redirect(IstioTables.Variant(ipv6: false))
        #expect(try Self.compare(text, isIPv6: false) { $0.ipv6 = false }.differences == [])
        let other = try Self.compare(text, isIPv6: true) { $0.ipv6 = false }
        #expect(
            other.differences.contains { $0.contains("Weir direct (family, profile istio), nftables to port 15001") })
    }

    /// Who has the proxy's group alone and calls the own pod goes to the proxy in 1.27.
    @Test func theRuleWithoutItsNegation() throws {
        let comparison = try Self.compare(IstioTables.redirect(IstioTables.Variant(lacksNegation: true)), isIPv6: false)
        #expect(!comparison.differences.isEmpty)
        #expect(
            comparison.differences.allSatisfy {
                $0.contains("gid 1337") && $0.contains("Weir direct (local_address") && $0.contains("15006")
            },
            "\(comparison.differences)")
    }

    @Test(arguments: [
        "meta time \"08:00\" return", "tcp dport @ports return", "ip saddr { 10.0.0.1, 10.0.0.2 } return",
        "meta skuid { 1, 2 } return", "tcp sport 80 return", "fib daddr type local return", "tcp flags syn return",
        "ip protocol tcp return", "meta mark & 0xff == 1 return", "queue to 0",
    ])
    func whatIsNotUnderstoodIsSaid(_ rule: String) throws {
        let jump = "\t\tcounter jump istio-output-dns"
        let text = IstioTables.redirect().replacing(jump, with: "\t\t\(rule)\n\(jump)")
        let policy = try PolicyCompiler.compile(Profile.istio.specification())
        let rules = IPTables(nftables: text, isIPv6: false)
        let comparison = IPTablesComparison(policy, rules, own: Self.own)
        #expect(comparison.unknown == ["istio-output \(rule)"])
    }

    /// Text that is no rule must not crash, nor mean anything.
    @Test(arguments: [
        "", "{", "}", "table", "table inet istio-proxy-nat {\n\tchain", "chain a {\n\tjump a",
        "table inet istio-proxy-nat {\nchain output {\ntype nat hook\njump\nredirect to\ntcp dport {\nmeta\nct",
        "table inet istio-proxy-nat {\nchain output {\ntype nat hook output\nip daddr\nmeta mark set\ntcp dport 9-1 drop",
        "table inet istio-proxy-nat {\nchain output {\ntype nat hook output\nmeta skuid 5-1 redirect to :99999999",
    ])
    func oddText(_ text: String) throws {
        for isIPv6 in [false, true] {
            let rules = IPTables(nftables: text, isIPv6: isIPv6)
            _ = rules.decide(Attempt(.outbound, to: Address(ipv4: 0x0a60_0001), port: 80, uid: 1000))
        }
    }

    @Test func changedAtRandom() throws {
        let policy = try PolicyCompiler.compile(Profile.istio.specification())
        Mutator.rounds(60) { mutator in
            for text in [IstioTables.redirect(), IstioTables.tproxy()] {
                let bytes = mutator.mutate(Array(mutator.mutate(tokens: text).utf8))
                let isIPv6 = mutator.below(2) == 0
                let rules = IPTables(nftables: String(decoding: bytes, as: UTF8.self), isIPv6: isIPv6)
                for port in [80, 53, 0, 65_535] as [UInt16] {
                    _ = rules.decide(Attempt(.outbound, to: Address(ipv4: 0x0a60_0001), port: port, uid: 1000))
                    _ = rules.decide(Attempt(.inbound, to: Self.own[0], port: port))
                }
                if mutator.below(20) == 0 { _ = IPTablesComparison(policy, rules, own: Self.own).differences }
            }
        }
    }
}
