import Foundation
import Testing
import WeirCore

@Suite struct ConfigurationTests {
    static let full = """
        mechanism: ebpf
        acceleration: proxies
        agent:
          socket: /run/other.sock
          listen: "[::1]:9000"
          pins: weir-two
          unloadOnStop: true
          cni: {install: true, binDir: /opt/bin, confDir: /etc/net.d, failurePolicy: allow, excludeNamespaces: [a, b]}
        log: {format: json, level: debug}
        proxy:
          connectTimeout: 500ms
          idleTimeout: 2h
        workloads:
          - name: shop/cart
            selector: {netns: /run/netns/cart}
            mesh: istio
            annotations:
              traffic.sidecar.istio.io/excludeOutboundPorts: "8080,9090"
            dns: all
            whenProxyDown: direct
          - name: legacy
            selector:
              unit: legacy.service
            proxy:
              outbound: 15001
              inbound: 15006
              dns: 15053
              tunnel: 15008
              uids: [1001, 1002]
              gid: 1001
              cgroup: /sys/fs/cgroup/proxy
            outbound:
              excludePorts: [22, 8000-8080]
              includeRanges: [10.0.0.0/8, "fd00::/8"]
              excludeRanges: [10.96.0.10]
            inbound:
              includePorts: [80]
              excludeSources: [192.168.0.0/16]
            dns: [10.96.0.10]
            ipv6: false
          - name: l
            selector: {cgroup: /sys/fs/cgroup/l}
            mesh: linkerd
            inbound: {excludePorts: [25]}
        """

    @Test func readsEverything() throws {
        let configuration = try Configuration(yaml: Self.full)
        #expect(configuration.mechanism == .ebpf && configuration.acceleration == .proxies)
        #expect(configuration.agent.socket == "/run/other.sock" && configuration.agent.listen.port == 9000)
        #expect(configuration.agent.bpffs == "/sys/fs/bpf" && configuration.agent.pins == "weir-two")
        var cni = Configuration.CNI()
        (cni.install, cni.binDir, cni.confDir) = (true, "/opt/bin", "/etc/net.d")
        (cni.failurePolicy, cni.excludeNamespaces) = (.allow, ["a", "b"])
        #expect(configuration.agent.cni == cni && configuration.agent.unloadOnStop)
        #expect(configuration.log.format == .json && configuration.log.level == .debug)
        #expect(
            configuration.proxy.connectTimeout == .milliseconds(500)
                && configuration.proxy.idleTimeout == .seconds(7200))
        #expect(configuration.proxy.maxConnections == 10000)
        let names = configuration.workloads.map(\.name)
        #expect(names == ["shop/cart", "legacy", "l"])
        let cart = configuration.workloads[0]
        #expect(cart.mesh == "istio" && cart.selector == .netns("/run/netns/cart") && cart.whenProxyDown == .direct)
        #expect(cart.policy.outboundExcludePorts == [PortRange(8080), PortRange(9090)] && cart.policy.dns == .all)
        #expect(cart.policy.inboundExcludePorts.count == 3)
        let legacy = configuration.workloads[1]
        #expect(legacy.selector == .unit("legacy.service") && legacy.proxyCgroup == "/sys/fs/cgroup/proxy")
        #expect(
            legacy.policy.proxyUIDs == [1001, 1002] && legacy.policy.proxyGIDs == [1001] && legacy.policy.proxyCgroup)
        #expect(legacy.policy.outboundExcludePorts == [PortRange(22), PortRange(8000, 8080)])
        #expect(legacy.policy.inboundIncludePorts == .listed([PortRange(80)]) && !legacy.policy.ipv6)
        #expect(
            try legacy.policy.outboundIncludeRanges
                == .listed([CIDR(parsing: "10.0.0.0/8"), CIDR(parsing: "fd00::/8")]))
        #expect(try legacy.policy.outboundExcludeRanges == [CIDR(parsing: "10.96.0.10")])
        #expect(try legacy.policy.inboundExcludeSources == [CIDR(parsing: "192.168.0.0/16")])
        #expect(try legacy.policy.dns == .servers([Address(parsing: "10.96.0.10")]))
        #expect(legacy.policy.outboundPort == 15001 && legacy.policy.inboundPort == 15006)
        #expect(legacy.policy.dnsPort == 15053 && legacy.policy.tunnelPort == 15008)
        #expect(legacy.policy.origins[.outboundExcludePorts] == "outbound.excludePorts")
        #expect(configuration.workloads[2].policy.inboundExcludePorts.map(\.description) == ["25", "4190", "4191"])
    }

    @Test(arguments: ["", "# nothing\n", "workloads:\n", "workloads: []", "agent:\nlog: {}"])
    func defaults(_ yaml: String) throws {
        let configuration = try Configuration(yaml: yaml)
        var expected = Configuration()
        #expect(configuration.workloads.isEmpty && configuration.agent == expected.agent)
        expected = configuration
        #expect(expected.agent.socket == "/run/weir/weir.sock" && "\(expected.agent.listen)" == "127.0.0.1:15999")
        #expect(expected.mechanism == .auto && expected.acceleration == .off && expected.log.format == .text)
        #expect(expected.proxy.connectTimeout == .seconds(10) && expected.proxy.idleTimeout == .seconds(3600))
    }

    @Test func listedPortsWithoutAMeshMeanTheseAlone() throws {
        let workload =
            "workloads: [{name: a, selector: {cgroup: /c}, proxy: {outbound: \"10.0.0.5:1080\"}, ipv6: false, "
        let ports = try Configuration(yaml: workload + "outbound: {includePorts: [80]}}]").workloads[0].policy
        #expect(ports.outboundIncludeRanges == .listed([]) && "\(ports.proxyAddress4)" == "10.0.0.5")
        let both = try Configuration(yaml: workload + "outbound: {includeRanges: \"*\", includePorts: [80]}}]")
        #expect(both.workloads[0].policy.outboundIncludeRanges == .all)
    }

    @Test func showsWhatReadsBackTheSame() throws {
        for yaml in [Self.full, "", "log: {level: error}"] {
            let configuration = try Configuration(yaml: yaml)
            // JSON is YAML, too.
            let json = String(decoding: try JSONEncoder().encode(configuration.tree()), as: UTF8.self)
            for text in [configuration.show(), configuration.show(origins: true), json] {
                let again = try Configuration(yaml: text)
                #expect(again.agent == configuration.agent && again.log == configuration.log)
                #expect(again.proxy == configuration.proxy && again.mechanism == configuration.mechanism)
                #expect(again.acceleration == configuration.acceleration)
                #expect(again.accelerationBudget == configuration.accelerationBudget)
                #expect(again.workloads.map(\.name) == configuration.workloads.map(\.name))
                for (left, right) in zip(again.workloads, configuration.workloads) {
                    var left = left
                    left.policy.origins = right.policy.origins
                    #expect(left == right)
                }
            }
        }
    }

    @Test func showsWhereValuesCameFrom() throws {
        let yaml = """
            log: {level: error}
            workloads:
              - name: "a: b"
                selector: {netns: /run/netns/a}
                mesh: istio
                annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: "80"}
            """
        let shown = try Configuration(yaml: yaml).show(origins: true)
        #expect(
            shown == """
                mechanism: auto  # default
                acceleration: off  # default
                accelerationBudget: 262144  # default
                agent:
                  socket: /run/weir/weir.sock  # default
                  listen: 127.0.0.1:15999  # default
                  bpffs: /sys/fs/bpf  # default
                  pins: weir  # default
                  unloadOnStop: false  # default
                  cni:
                    install: false  # default
                    binDir: /opt/cni/bin  # default
                    confDir: /etc/cni/net.d  # default
                    failurePolicy: block  # default
                    excludeNamespaces: [kube-system]  # default
                  kubernetes:
                    enabled: false  # default
                log:
                  format: text  # default
                  level: error  # line 1
                proxy:
                  connectTimeout: 10s  # default
                  idleTimeout: 1h  # default
                  maxConnections: 10000  # default
                workloads:
                  - name: "a: b"  # line 3
                    selector:
                      netns: /run/netns/a  # line 4
                    mesh: istio  # line 5
                    # proxy:
                      # outbound: 15001  # profile istio
                      # inbound: 15006  # profile istio
                      # dns: 15053  # profile istio
                      # tunnel: 15008  # profile istio
                      # uids: [1337]  # profile istio
                      # gids: [1337]  # profile istio
                    annotations:
                      traffic.sidecar.istio.io/excludeOutboundPorts: "80"  # line 6
                    # outbound:
                      # excludePorts: [80]  # traffic.sidecar.istio.io/excludeOutboundPorts
                      # includeRanges: "*"  # profile istio
                      # excludeRanges: []  # profile istio
                    # inbound:
                      # includePorts: "*"  # profile istio
                      # excludePorts: [15020, 15021, 15090]  # profile istio
                    ipv6: true  # profile istio
                    dns: off  # profile istio
                    whenProxyDown: refuse  # default
                    originFrom: getsockopt  # default
                    followPassed: false  # default

                """)
    }
}
