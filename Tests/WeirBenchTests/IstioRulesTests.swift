import Testing
import WeirCore

@testable import WeirBench

@Suite struct IstioRulesTests {
    /// The order of istio/istio tools/istio-iptables/pkg/capture, REDIRECT mode, everything included.
    @Test func theRulesAreIstiosInItsOrder() throws {
        var policy = try Exclusions(ranges: 1, ports: 1).policy()
        policy.inboundExcludePorts = [PortRange(15090)]
        let lines = IstioRules.text(policy, .ipv4).split(separator: "\n").map(String.init)
        #expect(
            lines.suffix(from: 9) == [
                "-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001",
                "-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006",
                "-A PREROUTING -p tcp -j ISTIO_INBOUND",
                "-A ISTIO_INBOUND -p tcp --dport 15008 -j RETURN",
                "-A ISTIO_INBOUND -p tcp --dport 15090 -j RETURN",
                "-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT",
                "-A OUTPUT -j ISTIO_OUTPUT",
                "-A ISTIO_OUTPUT -p tcp --dport 20000 -j RETURN",
                "-A ISTIO_OUTPUT -o lo -s 127.0.0.6/32 -j RETURN",
                "-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --uid-owner 1337 "
                    + "-j ISTIO_IN_REDIRECT",
                "-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN",
                "-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN",
                "-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --gid-owner 1337 "
                    + "-j ISTIO_IN_REDIRECT",
                "-A ISTIO_OUTPUT -o lo -m owner ! --gid-owner 1337 -j RETURN",
                "-A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN",
                "-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN",
                "-A ISTIO_OUTPUT -d 60.0.0.0/24 -j RETURN",
                "-A ISTIO_OUTPUT -j ISTIO_REDIRECT",
                "COMMIT",
            ])
    }

    @Test func exclusionsAreAsManyAsTheySayOfEachFamily() throws {
        let policy = try Exclusions(ranges: 10000).policy()
        #expect(Set(policy.outboundExcludeRanges).count == 20000)
        #expect(policy.outboundExcludeRanges.count { $0.isIPv4 } == 10000)
        let met = policy.outboundExcludeRanges.contains { range in
            Family.allCases.contains { CIDR(containing: $0.elsewhere, length: range.length) == range }
        }
        #expect(!met)
    }
}
