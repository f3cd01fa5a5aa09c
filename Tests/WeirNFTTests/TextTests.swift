import Testing
import WeirCore

@testable import WeirNFT

@Suite struct TextTests {
    private func facts(_ entries: [(String, Facts)]) throws -> [PrefixFacts] {
        try entries.map { PrefixFacts(direction: .outbound, range: try CIDR(parsing: $0.0), facts: $0.1) }
    }

    @Test func `The longest prefix counts, so a set has holes`() throws {
        let prefixes = try facts([
            ("10.0.0.0/8", .rangeIncluded), ("10.1.0.0/16", []), ("10.1.2.0/24", [.rangeIncluded, .rangeExcluded]),
            ("11.0.0.0/8", .rangeIncluded), ("::/0", .rangeIncluded),
        ])
        let four = AddressSets(prefixes, .outbound, .ipv4)
        #expect(
            four.match(.rangeIncluded, "daddr")
                == .one(
                    "ip daddr { 10.0.0.0/16, 10.1.2.0/24, 10.2.0.0-11.255.255.255 }",
                    not: "ip daddr != { 10.0.0.0/16, 10.1.2.0/24, 10.2.0.0-11.255.255.255 }"))
        #expect(
            four.match(.rangeExcluded, "daddr") == .one("ip daddr 10.1.2.0/24", not: "ip daddr != 10.1.2.0/24"))
        #expect(four.match(.dnsServer, "daddr") == .never)
        #expect(AddressSets(prefixes, .outbound, .ipv6).match(.rangeIncluded, "daddr") == .always)
        #expect(AddressSets(prefixes, .inbound, .ipv4).match(.rangeIncluded, "saddr") == .never)
    }

    @Test func `Ranges reach the last address`() throws {
        let prefixes = try facts(["255.255.255.255", "ffff::/16", "::/1"].map { ($0, .rangeExcluded) })
        #expect(
            AddressSets(prefixes, .outbound, .ipv4).match(.rangeExcluded, "daddr")
                == .one("ip daddr 255.255.255.255", not: "ip daddr != 255.255.255.255"))
        #expect(
            AddressSets(prefixes, .outbound, .ipv6).match(.rangeExcluded, "daddr")
                == .one("ip6 daddr { ::/1, ffff::/16 }", not: "ip6 daddr != { ::/1, ffff::/16 }"))
    }

    @Test func `Ports of overlapping users do not overlap`() {
        let boxes = UserPortBoxes(
            [
                UserPorts(transports: [.tcp], ports: [PortRange(1, 100)], users: 1...5),
                UserPorts(transports: [.tcp, .udp], ports: [PortRange(90, 200)], users: 4...UInt32.max),
                UserPorts(transports: [.udp], ports: [PortRange(7)], users: 0...0),
            ], .tcp)
        #expect(boxes.elements == ["1-3 . 1-100", "4-5 . 1-200", "6-4294967295 . 90-200"])
    }

    @Test func `The first interface that matches counts`() throws {
        let interfaces = [
            InterfaceFacts(name: "br0", facts: .interfaceExcluded),
            InterfaceFacts(name: "br+", facts: .interfaceVirtual),
            InterfaceFacts(name: "br7", facts: .interfaceExcluded),
        ]
        let matches = try InterfaceMatches(interfaces, .inbound, .ipv4)
        #expect(matches.match(.interfaceExcluded) == .one("iifname \"br0\"", not: "iifname != \"br0\""))
        #expect(matches.match(.interfaceVirtual) == .any(["iifname \"br*\" iifname != \"br0\""]))
    }

    @Test(arguments: ["eth0\" accept #", "a b", "", "eth0*", "a+b", "interface-name-17", "é", "x\n"])
    func `Text of an annotation cannot become a rule`(_ name: String) throws {
        var specification = try Profile.istio.specification()
        specification.excludeInterfaces = [name]
        specification.origins[.excludeInterfaces] = "quoted \" and\nmore"
        let policy = try PolicyCompiler.compile(specification)
        #expect(throws: InvalidValue.self) { try Ruleset(policy) }
    }

    @Test func `A source with quotes stays a comment`() throws {
        #expect(SetText.comment("a \"b\"\naccept") == "\"a baccept\"")
        #expect(SetText.comment(String(repeating: "x", count: 500)).utf8.count == 122)
    }

    @Test(arguments: ["", "7weir", "weir table", "weir;", "wéir"])
    func `A table is named by a word`(_ name: String) {
        #expect(throws: InvalidValue.self) { try Ruleset.removal(table: name) }
    }

    @Test func `A proxy that is known by a cgroup needs one`() throws {
        var specification = PolicySpecification(dialect: .custom)
        specification.outboundPort = 15001
        specification.inboundEnabled = false
        specification.proxyCgroup = true
        let policy = try PolicyCompiler.compile(specification)
        #expect(throws: InvalidValue.self) { try Ruleset(policy) }
    }

    @Test func `A cgroup is below the root that is mounted`() throws {
        let hybrid = try Cgroup("/sys/fs/cgroup/unified/a.slice/b", root: "/sys/fs/cgroup/unified")
        #expect(hybrid.match == "socket cgroupv2 level 2 \"unified/a.slice/b\"")
        #expect(throws: InvalidValue.self) { try Cgroup("/sys/fs/cgroup", root: "/sys/fs/cgroup") }
        #expect(throws: InvalidValue.self) { try Cgroup("/mnt/cgroup/a", root: "/mnt/cgroup") }
        #expect(throws: InvalidValue.self) { try Cgroup("/sys/fs/cgroup2/a", root: "/sys/fs/cgroup") }
    }

    @Test func `Counters are read by their names`() throws {
        let counters = try NFTCounters(
            json: """
                {"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
                {"counter": {"family": "inet", "name": "outbound.direct.proxy.udp", "table": "weir", "handle": 8,
                "packets": 3, "bytes": 180}},
                {"counter": {"family": "inet", "name": "inbound.inbound.inbound.tcp", "table": "weir", "handle": 6,
                "packets": 7, "bytes": 420}},
                {"counter": {"family": "inet", "name": "somebody", "table": "weir", "handle": 9, "packets": 1, "bytes": 1}},
                {"counter": {"family": "inet", "name": "outbound.direct.proxy.tcp", "table": "weir", "handle": 7,
                "packets": 0, "bytes": 0}}]}
                """)
        #expect(
            counters.rows.map { "\($0.direction) \($0.verdict) \($0.reason) \($0.transport) \($0.connections)" } == [
                "outbound direct proxy tcp 0", "outbound direct proxy udp 3", "inbound inbound inbound tcp 7",
            ])
        #expect(throws: InvalidValue.self) { try NFTCounters(json: "") }
    }

    @Test func `An error is one sentence with nft's own words`() {
        let said = """
            /dev/stdin:12:1-4: Error: Could not process rule: Operation not supported
            \t\toif "lo" accept
                     ^^^^
            """
        #expect(
            NFTError.summary(said) == "Could not process rule: Operation not supported, at \"oif \"lo\" accept\"")
        #expect(NFTError.summary("") == "nothing, but it failed")
    }
}
