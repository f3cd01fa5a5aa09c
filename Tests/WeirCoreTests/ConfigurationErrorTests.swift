import Testing
import WeirCore

/// The sentences that a user sees.
@Suite struct ConfigurationErrorTests {
    private func problems(_ yaml: String) -> String {
        do {
            _ = try Configuration(yaml: yaml)
            return ""
        } catch {
            return error.description
        }
    }

    @Test(arguments: [
        ("mechnism: auto", "weir.yaml:1: mechnism: there is no such key; did you mean \"mechanism\"?"),
        (
            "log:\n  levle: info\n  colour: red",
            "weir.yaml:2: log.levle: there is no such key; did you mean \"level\"?\n"
                + "weir.yaml:3: log.colour: there is no such key; the keys here are format, level"
        ),
        (
            "mechanism: ebfp",
            "weir.yaml:1: mechanism: should be one of auto, ebpf, nftables, but is \"ebfp\"; did you mean \"ebpf\"?"
        ),
        ("acceleration: 7", "weir.yaml:1: acceleration: should be one of off, proxies, full, auto, but is \"7\""),
        ("agent: on", "weir.yaml:1: agent: should be the agent's settings with keys of its own, but is \"on\""),
        (
            "agent: {socket: weir.sock}",
            "weir.yaml:1: agent.socket: should be an absolute path, but is \"weir.sock\"; begin it with a slash"
        ),
        ("agent: {socket: }", "weir.yaml:1: agent.socket: should be a path, but is empty; write a path"),
        (
            "agent: {listen: 15999}",
            "weir.yaml:1: agent.listen: \"15999\" is not an address and a port; write one like "
                + "127.0.0.1:15001 or [::1]:15001"
        ),
        (
            "agent: {pins: a/b}",
            "weir.yaml:1: agent.pins: should be the name of a directory below bpffs, but is \"a/b\"; write "
                + "one without slashes and dots"
        ),
        (
            "agent: {pins: weir.d}",
            "weir.yaml:1: agent.pins: should be the name of a directory below bpffs, but is \"weir.d\"; write one "
                + "without slashes and dots"
        ),
        (
            "agent: {socket: /\(String(repeating: "s", count: 107))}",
            "weir.yaml:1: agent.socket: is 108 bytes long; a socket's path has 107 at most"
        ),
        (
            "agent: {cni: {failurePolicy: deny}}",
            "weir.yaml:1: agent.cni.failurePolicy: should be one of block, allow, but is \"deny\""
        ),
        (
            "agent: {cni: {binDir: bin}}",
            "weir.yaml:1: agent.cni.binDir: should be an absolute path, but is \"bin\"; begin it with a slash"
        ),
        (
            "proxy: {connectTimeout: 10}",
            "weir.yaml:1: proxy.connectTimeout: \"10\" is not a duration; write a whole number and ms, s, m "
                + "or h, like 10s or 500ms"
        ),
        (
            "proxy: {maxConnections: -1}",
            "weir.yaml:1: proxy.maxConnections: should be a number from 1 to 1000000, but is \"-1\""
        ),
        (
            "workloads: web",
            "weir.yaml:1: workloads: should be a list of workloads, but is \"web\"; write it as [...], even for one"
        ),
        ("a: [", "weir.yaml:1: this is not YAML: the bracket or brace that opens here is not closed; close it"),
        ("- 1", "weir.yaml:1: should be the file with keys of its own, but is a list"),
        (
            "log:\n  level: info\n  level: debug",
            "weir.yaml:3: the same key stands twice: level, first in line 2; leave one of them"
        ),
    ])
    func wholeFile(_ yaml: String, _ expected: String) {
        #expect(problems(yaml) == expected)
    }

    @Test(arguments: [
        ("mesh: istoi", "mesh: should be one of istio, linkerd, kuma, osm, but is \"istoi\"; did you mean \"istio\"?"),
        ("ipv6: true", " says neither mesh nor proxy; write one of them, so that Weir knows where to redirect to"),
        (
            "mesh: istio, proxy: {outbound: 1, uid: 1}",
            " says both mesh and proxy; leave one of them, because a mesh brings its own proxy"
        ),
        ("proxy: {outbound: 70000, uid: 1}", "proxy.outbound: should be a port from 1 to 65535, but is \"70000\""),
        ("proxy: {outbound: 0, uid: 1}", "proxy.outbound: should be a port from 1 to 65535, but is \"0\""),
        ("proxy: {uid: 1}", "proxy: has no port; add outbound: PORT, inbound: PORT or both"),
        (
            "proxy: {outbound: 1}",
            "proxy: cannot be told from its workload, whose namespace it shares; add its uid, gid or cgroup"
        ),
        ("proxy: {outbound: 1, uid: root}", "proxy.uid: should be a uid from 0 to 4294967294, but is \"root\""),
        ("proxy: {outbound: 1, uid: 1, uids: [2]}", "proxy.uids: stands beside uid; write one of the two"),
        ("proxy: {outbound: 1, uid: 1, inbund: 2}", "proxy.inbund: there is no such key; did you mean \"inbound\"?"),
        (
            "proxy: {outbound: \"[fd00::1]:1\", uid: 1}",
            "proxy.outbound: should be at a loopback or an IPv4 address, which IPv4 traffic can reach, not fd00::1"
        ),
        (
            "proxy: {outbound: \"10.0.0.1:1\"}",
            " has a proxy at an IPv4 address, which IPv6 traffic cannot reach; add ipv6: false"
        ),
        (
            "proxy: {outbound: 1, uid: 1}, dns: all",
            " dns: DNS is to be captured, but the proxy has no DNS port; set one, or turn dns off"
        ),
        (
            "proxy: {outbound: 1, uid: 1}, annotations: {a: b}",
            "annotations: annotations belong to a mesh; add mesh: NAME, or use outbound and inbound"
        ),
        ("mesh: istio, dns: some", "dns: should be off, all or a list of servers, but is \"some\""),
        (
            "mesh: istio, dns: [localhost]",
            "dns[0]: \"localhost\" is not an IP address; write one like 10.1.2.3 or 2001:db8::1"
        ),
        (
            "mesh: linkerd, dns: all",
            "dns: the linkerd mesh has no such setting; leave it out, or describe the proxy with proxy:"
        ),
        ("mesh: istio, ipv6: maybe", "ipv6: should be true or false, but is \"maybe\""),
        (
            "mesh: istio, whenProxyDown: refused",
            "whenProxyDown: should be one of refuse, fallback, direct, but is \"refused\"; did you mean \"refuse\"?"
        ),
        (
            "mesh: istio, annotations: {traffic.sidecar.istio.io/includeInboundPorts: x}",
            "annotations.traffic.sidecar.istio.io/includeInboundPorts: \"x\" is not a port from 0 to 65535"
        ),
        ("mesh: istio, annotations: {a: [1]}", "annotations.a: should be a text, but is a list; put it in quotes"),
        (
            "mesh: istio, annotations: {}, outbound: {}",
            "annotations: annotations and outbound or inbound say the same things; leave one of the two"
        ),
        (
            "mesh: istio, outbound: {excludeRanges: [10.1.2.3/8]}",
            "outbound.excludeRanges[0]: \"10.1.2.3/8\" has bits set beyond its length; write 10.0.0.0/8, or "
                + "10.1.2.3/32 for the one address"
        ),
        (
            "mesh: istio, outbound: {excludePorts: 80}",
            "outbound.excludePorts: should be a list of ports and ranges, but is \"80\"; write it as [...], "
                + "even for one"
        ),
        (
            "mesh: istio, outbound: {excludePorts: [http]}",
            "outbound.excludePorts[0]: \"http\" is not a port or range of ports; write one like 80 or "
                + "8000-8080, up to 65535"
        ),
        (
            "mesh: istio, inbound: {includeRanges: [10.0.0.0/8]}",
            "inbound.includeRanges: inbound connections are not told apart by destination; use excludeSources "
                + "for clients, or ports"
        ),
        (
            "mesh: istio, inbound: {excludeSources: [10.0.0.0/8]}",
            "inbound.excludeSources: the istio mesh has no such setting; leave it out, or describe the proxy "
                + "with proxy:"
        ),
        ("mesh: istio, selectr: 1", "selectr: there is no such key; did you mean \"selector\"?"),
    ])
    func oneWorkload(_ keys: String, _ expected: String) {
        let path = expected.hasPrefix(" ") ? "workloads[0]:" : "workloads[0]."
        #expect(problems("workloads: [{name: a, selector: {netns: /n}, \(keys)}]") == "weir.yaml:1: \(path)\(expected)")
    }

    @Test(arguments: [
        ("selector: {netns: /n}", "workloads[0]: has no name; add one, like name: shop/cart"),
        ("name: a", "workloads[0]: has no selector; add one of netns: PATH, cgroup: PATH or unit: NAME"),
        (
            "name: a, selector: {}",
            "workloads[0].selector: says none of netns, cgroup and unit; write exactly one, or make it "
                + "several workloads"
        ),
        (
            "name: a, selector: {netns: /n, unit: u}",
            "workloads[0].selector: says 2 of netns, cgroup and unit; write exactly one, or make it several workloads"
        ),
        (
            "name: a, selector: {netns: n}",
            "workloads[0].selector.netns: should be an absolute path, but is \"n\"; begin it with a slash"
        ),
        (
            "name: a, selector: /n",
            "workloads[0].selector: should be one of netns: PATH, cgroup: PATH or unit: NAME with keys of its "
                + "own, but is \"/n\""
        ),
    ])
    func identity(_ keys: String, _ expected: String) {
        #expect(problems("workloads: [{mesh: istio, \(keys)}]") == "weir.yaml:1: \(expected)")
    }

    @Test func longNames() {
        let name = String(repeating: "n", count: 96)
        #expect(
            problems("workloads: [{mesh: istio, name: \(name), selector: {netns: /n}}]")
                == "weir.yaml:1: workloads[0].name: is 96 bytes long; shorten the name to 95")
    }

    @Test func reportsAllProblemsInTheOrderOfLines() {
        let yaml = """
            workloads:
              - name: a
                selector: {netns: /n}
                mesh: istio
              - name: a
                selector: {netns: /n}
                mesh: istio
                ipv6: perhaps
            agnet: {}
            """
        #expect(
            problems(yaml) == """
                weir.yaml:5: workloads[1]: has the same name as workloads[0], "a"; give each its own
                weir.yaml:5: workloads[1]: has the same selector as workloads[0], netns /n; leave one of them
                weir.yaml:8: workloads[1].ipv6: should be true or false, but is "perhaps"
                weir.yaml:9: agnet: there is no such key; did you mean "agent"?
                """)
    }
}
