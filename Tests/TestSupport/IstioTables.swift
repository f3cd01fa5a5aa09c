/// The tables of nftables that Istio writes for a pod without iptables, as nft lists them and takes them.
public enum IstioTables {
    /// What of the rules of Istio's releases differs.
    public struct Variant: Sendable {
        /// Whether the pod's IPv6 is captured, too.
        public var ipv6 = true
        /// 1.27 left the exclamation mark of one rule out.
        public var lacksNegation = false
        public var excludedPort: Int?

        public init(ipv6: Bool = true, lacksNegation: Bool = false, excludedPort: Int? = nil) {
            self.ipv6 = ipv6
            self.lacksNegation = lacksNegation
            self.excludedPort = excludedPort
        }
    }

    /// REDIRECT, everything captured, DNS to any server.
    public static func redirect(_ variant: Variant = Variant()) -> String {
        let inbound = [15008, 15020, 15021, 15090].map { "tcp dport \($0) counter return" }
        return table(
            "istio-proxy-nat",
            [
                "prerouting": ["type nat hook prerouting priority dstnat; policy accept;", tcp("jump istio-inbound")],
                "output": ["type nat hook output priority -100; policy accept;", "counter jump istio-output"],
                "istio-inbound": inbound + [tcp("jump istio-in-redirect")],
                "istio-redirect": [tcp("redirect to :15001")],
                "istio-in-redirect": [tcp("redirect to :15006")],
                "istio-output": output(variant),
                "istio-output-dns": [
                    "tcp dport 53 counter redirect to :15053", "udp dport 53 counter redirect to :15053",
                ],
            ]) + zones
    }

    /// TPROXY inbound: the same outbound rules, and a table that marks.
    public static func tproxy(_ variant: Variant = Variant()) -> String {
        let loopbacks = [("ip", "127.0.0.1")] + (variant.ipv6 ? [("ip6", "::1")] : [])
        let passthrough = [("ip", "127.0.0.6")] + (variant.ipv6 ? [("ip6", "::6")] : [])
        let owned = loopbacks.flatMap { family, address in
            ["skuid", "skgid"].map { owner in
                #"oifname "lo" meta l4proto tcp \#(family) daddr != \#(address) meta \#(owner) 1337 "#
                    + "counter meta mark set 0x0000053a"
            }
        }
        return redirect(variant)
            .replacing("\t\tmeta l4proto tcp counter jump istio-in-redirect\n", with: "")
            .replacing("\t\tmeta l4proto tcp counter jump istio-inbound\n", with: "")
            + table(
                "istio-proxy-mangle",
                [
                    "prerouting": [
                        "type filter hook prerouting priority mangle; policy accept;", tcp("jump istio-inbound"),
                        "meta l4proto tcp meta mark 0x00000539 counter ct mark set meta mark",
                    ],
                    "output": [
                        "type filter hook output priority mangle; policy accept;",
                        #"oifname "lo" meta l4proto tcp meta mark 0x00000539 counter return"#,
                    ] + owned + ["meta l4proto tcp ct mark 0x00000539 counter meta mark set ct mark"],
                    "istio-divert": ["counter meta mark set 0x00000539", "counter accept"],
                    "istio-tproxy": loopbacks.map { family, address in
                        "meta l4proto tcp \(family) daddr != \(address) counter tproxy \(family) to :15006 "
                            + "meta mark set 0x00000539 accept"
                    },
                    "istio-inbound": [
                        "meta l4proto tcp meta mark 0x00000539 counter return"
                    ]
                        + passthrough.map { family, address in
                            #"iifname "lo" meta l4proto tcp \#(family) saddr \#(address) counter return"#
                        } + [
                            #"iifname "lo" meta l4proto tcp meta mark != 0x0000053a counter return"#
                        ] + [15020, 15021, 15090].map { "tcp dport \($0) counter return" } + [
                            "meta l4proto tcp ct state established,related counter jump istio-divert",
                            tcp("jump istio-tproxy"),
                        ],
                ])
    }

    private static func output(_ variant: Variant) -> [String] {
        let families = [("ip", "127.0.0.1", "127.0.0.6")] + (variant.ipv6 ? [("ip6", "::1", "::6")] : [])
        var rules: [String] = []
        if let port = variant.excludedPort {
            rules += ["tcp dport \(port) counter return", "udp dport \(port) counter return"]
        }
        rules += families.map { family, _, source in #"oifname "lo" \#(family) saddr \#(source) counter return"# }
        for (owner, ports) in [("skuid", "{ 53, 15008 }"), ("skgid", "15008")] {
            rules += families.map { family, loopback, _ in
                #"oifname "lo" \#(family) daddr != \#(loopback) tcp dport != \#(ports) meta \#(owner) 1337 "#
                    + "counter jump istio-in-redirect"
            }
            let negation = variant.lacksNegation && owner == "skuid" ? "" : "!= "
            rules.append(#"oifname "lo" tcp dport != 53 meta \#(owner) \#(negation)1337 counter return"#)
            rules.append("meta \(owner) 1337 counter return")
        }
        rules.append("counter jump istio-output-dns")
        rules += families.map { family, loopback, _ in "\(family) daddr \(loopback) counter return" }
        return rules + ["counter jump istio-redirect"]
    }

    /// Of DNS, which divides connection tracking.
    private static var zones: String {
        table(
            "istio-proxy-raw",
            [
                "prerouting": [
                    "type filter hook prerouting priority raw; policy accept;", "counter jump istio-inbound",
                ],
                "output": ["type filter hook output priority raw; policy accept;", "counter jump istio-output-dns"],
                "istio-inbound": ["udp sport 53 counter ct zone set 1"],
                "istio-output-dns": [
                    "udp dport 53 meta skuid 1337 counter ct zone set 1",
                    "udp sport 15053 meta skuid 1337 counter ct zone set 2", "udp dport 53 counter ct zone set 2",
                ],
            ])
    }

    private static func tcp(_ verdict: String) -> String { "meta l4proto tcp counter \(verdict)" }

    /// Chains stand before those that jump to them, as nft takes them in any order.
    private static func table(_ name: String, _ chains: KeyValuePairs<String, [String]>) -> String {
        let texts = chains.map { name, rules in
            "\tchain \(name) {\n" + rules.map { "\t\t\($0)\n" }.joined() + "\t}\n"
        }
        return "table inet \(name) {\n\(texts.joined(separator: "\n"))}\n"
    }
}
