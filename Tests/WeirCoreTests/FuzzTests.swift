import Testing
import WeirCore

import struct TestSupport.Mutator

/// Texts from outside, changed at random: each is read or refused with a sentence, in little time. WEIR_FUZZ_SECONDS makes
/// it go on.
@Suite(.timeLimit(.minutes(20))) struct FuzzTests {
    private static let configuration = """
        mechanism: auto
        acceleration: full
        accelerationBudget: 4096
        agent: {socket: /run/weir/weir.sock, listen: "127.0.0.1:15999", bpffs: /sys/fs/bpf, pins: weir, cgroup: /sys/fs/cgroup,
          unloadOnStop: true, cni: {install: true, failurePolicy: block, excludeNamespaces: [kube-system]},
          kubernetes: {enabled: true, node: n1}}
        log: {format: json, level: debug}
        proxy: {connectTimeout: 10s, idleTimeout: 1h, maxConnections: 10000}
        workloads:
          - &first
            name: shop/cart
            selector: {netns: /run/netns/cart}
            mesh: istio
            annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: "9000,9001"}
          - name: web
            selector: {unit: web.service}
            proxy: {outbound: "127.0.0.1:15001", inbound: 15006, dns: 15053, tunnel: 15008, uids: [1, 2], gid: 3, reads: untilEmpty}
            outbound: {includePorts: [80, 8000-9000], excludeRanges: [10.0.0.0/8, "2001:db8::/32"]}
            inbound: {excludePorts: [22], excludeSources: [10.1.0.0/16]}
            dns: [10.96.0.10]
            ipv6: false
        """

    @Test func configurations() throws {
        #expect(try Configuration(yaml: Self.configuration).workloads.count == 2)
        var read = 0
        Mutator.rounds { mutator in
            let text = mutator.mutate(tokens: Self.configuration)
            let bytes = mutator.mutate(Array(text.utf8))
            for text in [text, String(decoding: bytes, as: UTF8.self)] {
                guard let configuration = try? Configuration(yaml: text) else { continue }
                read += 1
                // What was read can be shown and read again.
                #expect(
                    (try? Configuration(yaml: configuration.show()))?.workloads.map(\.name)
                        == configuration.workloads.map(\.name), "\(text)")
            }
        }
        #expect(read > 0)
    }

    private static let annotations: [(Profile, [String: String])] = [
        (
            .istio,
            [
                "traffic.sidecar.istio.io/includeInboundPorts": "80, 8080",
                "traffic.sidecar.istio.io/excludeOutboundPorts": "0,65535",
                "traffic.sidecar.istio.io/includeOutboundIPRanges": "10.1.2.3/8,fd00::/8",
                "traffic.sidecar.istio.io/excludeOutboundIPRanges": "*",
                "traffic.sidecar.istio.io/excludeInterfaces": "eth1, net+",
                "istio.io/reroute-virtual-interfaces": "eth2,br+", "sidecar.istio.io/interceptionMode": "TPROXY",
                "status.sidecar.istio.io/port": "15030",
            ]
        ),
        (
            .kuma,
            [
                "traffic.kuma.io/exclude-outbound-ports-for-uids": "tcp:22,80-90:1000-1010;udp:53:5;443:7",
                "traffic.kuma.io/exclude-inbound-ips": "10.0.0.1,10.2.0.0/16", "kuma.io/sidecar-uid": "5678",
                "traffic.kuma.io/exclude-inbound-ports": "1,2,3", "kuma.io/builtin-dns": "enabled",
                "kuma.io/transparent-proxying-ip-family-mode": "ipv4", "kuma.io/gateway": "enabled",
                "traffic.kuma.io/transparent-proxy-config": """
                kumaDPUser: 5678
                ipFamilyMode: dualstack
                redirect:
                  inbound: {enabled: true, port: 15006, includePorts: [80], excludePorts: "22,23", excludePortsForIPs: [10.0.0.1]}
                  outbound: {enabled: true, port: 15001, excludePortsForUIDs: ["tcp:22:1000-2000", "*:*:5"]}
                  dns: {enabled: true, captureAll: true, port: 15053}
                  vnet: {networks: ["docker0:172.17.0.0/16", "br+:fd00::/8"]}
                """,
            ]
        ),
        (
            .linkerd,
            [
                "config.linkerd.io/skip-outbound-ports": "25,3306-3310", "config.linkerd.io/skip-inbound-ports": "4222",
                "config.linkerd.io/skip-subnets": "10.0.0.0/8", "config.linkerd.io/proxy-uid": "2102",
                "config.linkerd.io/inbound-port": "4143",
            ]
        ),
        (
            .osm,
            [
                "openservicemesh.io/outbound-port-exclusion-list": "6379, 7070",
                "openservicemesh.io/outbound-ip-range-exclusion-list": "10.0.0.0/8,1.2.3.4/32",
            ]
        ),
    ]

    @Test func everyAnnotation() {
        var compiled = 0
        Mutator.rounds { mutator in
            for (profile, texts) in Self.annotations {
                for (name, text) in texts.sorted(by: { $0.key < $1.key }) {
                    var texts = texts
                    let bytes = mutator.mutate(Array(text.utf8))
                    texts[name] =
                        mutator.below(2) == 0
                        ? mutator.mutate(tokens: text) : String(decoding: bytes, as: UTF8.self)
                    guard let specification = try? profile.specification(annotations: texts) else { continue }
                    if (try? PolicyCompiler.compile(specification)) != nil { compiled += 1 }
                }
            }
        }
        #expect(compiled > 0)
    }

    @Test func iptablesRules() throws {
        let policy = try PolicyCompiler.compile(Profile.istio.specification())
        let own = [Address("10.77.1.10"), .loopback4].compactMap(\.self)
        Mutator.rounds(100) { mutator in
            for text in [IPTablesTests.istio, IPTablesTests.kumaWithOptions] {
                let changed = mutator.mutate(tokens: text)
                let bytes = mutator.mutate(Array(changed.utf8))
                let rules = IPTables(save: String(decoding: bytes, as: UTF8.self), isIPv6: mutator.below(4) == 0)
                for port in [80, 53, 0, 65_535] as [UInt16] {
                    _ = rules.decide(Attempt(.outbound, to: Address(ipv4: 0x0a60_0001), port: port, uid: 1000))
                    _ = rules.decide(Attempt(.inbound, to: own[0], port: port))
                }
                if mutator.below(20) == 0 { _ = IPTablesComparison(policy, rules, own: own).differences }
            }
        }
    }

    /// Chains that jump to the next one twice: the kernel takes them, and the way through them doubles with each.
    @Test func chainsThatDouble() throws {
        var text = "*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j C0\n"
        for index in 0..<30 {
            text += ":C\(index) - [0:0]\n" + String(repeating: "-A C\(index) -j C\(index + 1)\n", count: 2)
        }
        let rules = IPTables(save: text + ":C30 - [0:0]\nCOMMIT\n", isIPv6: false)
        let outcome = rules.decide(Attempt(.outbound, to: Address(ipv4: 0x0a60_0001), port: 80, uid: 1000))
        guard case .unknown = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }
}
