import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Whether the proxy listens is a fact that every command and metric tells, by port and family.
    @Suite struct ProxyHealth {
        private static let destination = 66

        @Test(arguments: ["ebpf", "nftables"])
        func theProxysDeathIsSaid(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 32)
            let name = pod.namespace.name
            let weir = try Installation([.istio(pod, "dns: all")], mechanism: mechanism)
            var proxy = try Listener.proxy(in: pod)
            let agent = try weir.startAgent()
            try expectListening(weir, name)
            for family in Family.allCases { #expect(try explain(weir, name, family).verdict == "outbound") }

            proxy.process.stop()
            let warning = try agent.waitForLine("the proxy does not listen on TCP port 15001", in: .errors)
            #expect(warning.contains("warning") && warning.contains("workload=\(name)"))
            try expectDown(weir, pod, over: "IPv4 and IPv6")
            for family in Family.allCases {
                let attempt = try attempt(pod, family)
                #expect(attempt.outcome == "refused")
                let own = Endpoint(pod.address(family), 8080)
                let inbound = try Attempt.run("blocking", to: own, in: pod.outside.place)
                #expect(inbound.outcome == "refused")
            }
            if mechanism == "ebpf" { try expectReasons(weir, name) }

            proxy = try Listener.proxy(in: pod)
            try agent.waitForLine("proxy listens again", in: .errors)
            try expectListening(weir, name)
            #expect(try attempt(pod, .ipv6).facts?.name == "proxy")
            try weir.succeed(["unload"])
            proxy.process.stop()
        }

        /// The proxy of Envoy's own examples listens on 0.0.0.0: IPv6 is refused, and that is said of IPv6 alone.
        @Test(arguments: ["ebpf", "nftables"], [true, false])
        func oneFamily(_ mechanism: String, hasAgent: Bool) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 33)
            let name = pod.namespace.name
            let weir = try Installation([.istio(pod)], mechanism: mechanism)
            let proxy = try Listener("proxy", ports: [15001, 15006], options: ["--address", "0.0.0.0"], in: pod.proxy)
            let agent = hasAgent ? try weir.startAgent() : nil
            if agent == nil { try weir.load() }
            try expectDown(weir, pod, over: "IPv6")
            #expect(try attempt(pod, .ipv4).facts?.name == "proxy")
            #expect(try attempt(pod, .ipv6).outcome == "refused")
            #expect(try explain(weir, name, .ipv4).verdict == "outbound")
            #expect(try explain(weir, name, .ipv6).reason == "proxy_down_refused")
            #expect(agent?.poll() == nil)
            try weir.succeed(["unload"])
            proxy.process.stop()
        }

        /// What the workload wants then is no problem of the node's, and is told all the same.
        @Test(arguments: ["fallback", "direct"])
        func anotherWay(_ word: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 34)
            let weir = try Installation([.istio(pod, "whenProxyDown: \(word)")])
            let agent = try weir.startAgent()
            let answer = try explain(weir, pod.namespace.name, .ipv4)
            #expect(answer.verdict == word && answer.reason == "proxy_down_\(word)")
            #expect(answer.decided?.verdict == "outbound" && answer.decided?.reason == "outbound")
            let check = try weir.run(["check", "--category", "proxies"])
            #expect(check.status == 0)
            #expect(check.output.contains("‼ the proxy of workload \(pod.namespace.name) listens"))
            let way = word == "direct" ? "pass it by" : "go through Weir's own proxy"
            #expect(check.output.contains("outbound connections \(way)"), "\(check.output)")
            #expect(try weir.run(["status"]).status == 0)
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
        }

        /// That nobody answers is not that nobody listens: who drops the SYN is not known.
        @Test func nobodyAnswers() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 35)
            let weir = try Installation([.istio(pod)])
            let proxy = try Listener.proxy(in: pod)
            let agent = try weir.startAgent()
            let drop = "add table inet t; add chain inet t in {type filter hook input priority 0;}; "
            try Command.run(["nft", drop + "add rule inet t in tcp dport 15001 drop"], in: pod.namespace.place)
            let connect = "import socket; socket.create_connection(('198.51.100.66', 80), 0.3)"
            #expect(try Command.output(["/usr/bin/python3", "-c", connect], in: pod.application).status != 0)
            let row = try Eventually.value {
                try weir.counters(of: pod.namespace.name).first { $0.failed == 1 }
            }
            #expect(row?.reason == "outbound" && row?.connections == 1)
            #expect(try weir.connections(of: pod.namespace.name, "proxy_down_refused") == 0)
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            proxy.process.stop()
        }

        /// A workload of the host has its proxy in the host's namespace.
        @Test func ofACgroup() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let host = try Pod(number: 83)
            let cgroup = try Cgroup()
            let weir = try Installation([
                "name: shop\nselector: {cgroup: \(cgroup.path)}\nproxy: {outbound: 15001, uid: 1337}"
            ])
            let place = host.namespace.place
            let proxy = try Listener("proxy", ports: [15001], options: ["--address", "127.0.0.1"], in: host.proxy)
            let agent = try weir.startAgent(in: place)
            for isRunning in [true, false] {
                let check = try weir.run(["check", "--category", "proxies"], in: place)
                observed("the proxy of a cgroup", check.output)
                #expect(check.status == 1)
                #expect(check.output.contains("does not listen on TCP port 15001 over IPv6: outbound"))
                if isRunning { agent.stop() }
            }
            try weir.succeed(["unload"], in: place)
            proxy.process.stop()
        }

        /// `weir run` says at once what its command will meet.
        @Test func run() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let host = try Pod(number: 84)
            let proxy = try Listener("proxy", ports: [15001], options: ["--address", "127.0.0.1"], in: host.proxy)
            let result = try Weir.run(
                ["run", "--proxy", "127.0.0.1:15001", "--", "true"], in: host.namespace.place)
            #expect(
                result.errors.contains(
                    "weir: the proxy does not listen on TCP port 15001 over IPv6: outbound connections are refused\n"),
                "\(result.errors)")
            #expect(!result.errors.contains("IPv4"))
            proxy.process.stop()
        }

        private func attempt(_ pod: Pod, _ family: Family) throws -> Attempt {
            let attempt = try Attempt.run(
                "blocking", to: Endpoint(family.destination(Self.destination), 80), in: pod.application)
            observed("over \(family)", attempt)
            return attempt
        }

        private func expectListening(_ weir: Installation, _ name: String) throws {
            let status = try Eventually.value { try weir.run(["status"]).status == 0 ? true : nil }
            #expect(status == true)
            let check = try weir.run(["check", "--category", "proxies"])
            #expect(check.output.contains("√ the proxy of workload \(name) listens\n"), "\(check.output)")
            #expect(check.status == 0)
            let values = try listening(weir)
            #expect(values.count == 8 && values.allSatisfy { $0.value == 1 }, "\(values)")
        }

        private func expectDown(_ weir: Installation, _ pod: Pod, over families: String) throws {
            let name = pod.namespace.name
            let finding = "does not listen on TCP port"
            let sentence = "the proxy \(finding) 15001 over \(families): outbound connections are refused"
            let status = try Eventually.value { () -> String? in
                let result = try weir.run(["status"])
                return result.status == 1 && result.output.contains("\(name): \(sentence)") ? result.output : nil
            }
            #expect(status != nil)
            let check = try weir.run(["check", "--category", "proxies"])
            observed("check", check.output)
            #expect(check.status == 1)
            #expect(check.output.contains("× the proxy of workload \(name) listens\n    \(sentence)\n"))
            #expect(check.output.contains("\(finding) 15006 over \(families): inbound connections are refused"))
            for family in Family.allCases where families.contains("\(family)") {
                let answer = try explain(weir, name, family)
                #expect(answer.verdict == "refuse" && answer.reason == "proxy_down_refused")
                #expect(answer.decided?.reason == "outbound")
            }
            guard try weir.run(["status"]).output.contains("agent      running") else { return }
            let down = try listening(weir).filter { $0.value == 0 }.map(\.key)
            let label = #"use="outbound",port="15001",protocol="tcp",family="ipv6""#
            #expect(down.contains { $0.contains(label) })
            #expect(down.contains { $0.contains("family=\"ipv4\"") } == families.contains("IPv4"))
        }

        private func expectReasons(_ weir: Installation, _ name: String) throws {
            let rows = try weir.counters(of: name).filter { $0.reason == "proxy_down_refused" }
            #expect(Set(rows.map(\.direction)) == ["outbound", "inbound"])
            #expect(rows.allSatisfy { $0.verdict == "refuse" && $0.connections == 2 && $0.failed == 2 }, "\(rows)")
            #expect(try weir.connections(of: name, "outbound") == 0)
            let flows = try Eventually.value { () -> [Installation.Flow]? in
                let flows = try weir.flows()
                return flows.count >= 4 ? flows : nil
            }
            #expect(flows?.count == 4)
            #expect(flows?.allSatisfy { $0.reason == "proxy_down_refused" && $0.end == "failed" } == true)
            #expect(flows.map { Set($0.map(\.direction)) } == ["outbound", "inbound"])
        }

        private struct Answer: Decodable {
            struct Decided: Decodable { let verdict, reason: String }
            let verdict, reason: String
            let decided: Decided?
        }

        private func explain(_ weir: Installation, _ name: String, _ family: Family) throws -> Answer {
            let destination = Endpoint(family.destination(Self.destination), 80).description
            return try Weir.read(Answer.self, ["explain", name, destination, "--config", weir.file])
        }

        /// The values of `weir_proxy_listening` by their labels.
        private func listening(_ weir: Installation) throws -> [String: Int] {
            let page = try Command.run(["curl", "-s", "http://127.0.0.1:\(weir.listen)/metrics"])
            let lines = page.split(separator: "\n").filter { $0.hasPrefix("weir_proxy_listening{") }
            return Dictionary(
                uniqueKeysWithValues: lines.compactMap { line in
                    let parts = line.split(separator: " ")
                    return Int(parts[parts.count - 1]).map { (parts.dropLast().joined(separator: " "), $0) }
                })
        }
    }
}
