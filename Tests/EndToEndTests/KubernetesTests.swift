import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Pods of an API server that is not there, in namespaces that are: what the agent does with many, and what the CNI
    /// plugin may ask.
    @Suite struct Kubernetes {
        @Test(
            "250 pods, also beside a hostile one: one list and one watch, all in the kernel, in little memory",
            arguments: [false, true])
        func manyPods(_ hostile: Bool) throws {
            let count = 250
            let server = try FakeAPIServer()
            let busy = hostile ? try ChildProcess(["python3", "-c", Self.hostile, server.url]) : nil
            if let busy { try busy.waitForLine("changing") }
            defer { busy?.stop() }
            let pods = try (0..<count).map { try SimulatedPod(number: $0) }
            for pod in pods { try server.put(pod.object) }
            let installation = try Installation()
            try installation.configure([], kubernetes: server)
            let agent = try installation.startAgent()
            try agent.waitForLine("pods are known", in: .errors)

            let added = try installation.cni("add", pods)
            #expect(added.intercepted == count, "\(added.problems)")
            #expect(try installation.workloads().count == count)

            let before = try cpuTicks(of: agent.pid)
            let idle = 10
            usleep(UInt32(idle) * 1_000_000)  // the measured time, not a wait
            let used = Double(try cpuTicks(of: agent.pid) - before) / Double(sysconf(Int32(_SC_CLK_TCK)))
            let memory = try anonymousMemory(of: agent.pid)
            observed(
                hostile ? "250 pods beside one that changes 250 KB of annotations five times a second" : "250 pods",
                "an answer to add took \(added.p50) ms (median), \(added.p99) ms (99th of 100); "
                    + "\(memory / 1024) KiB anonymous memory; \(used / Double(idle) * 100) % of a core when idle")
            // One of its objects in the making is some megabytes.
            #expect(memory <= (hostile ? 40 : 25) << 20, "anonymous memory: \(memory) bytes")
            let requests = try server.requests()
            #expect(requests.count == 2, "\(requests)")

            #expect(try installation.cni("check", pods).intercepted == count)
            _ = try installation.cni("del", pods)
            #expect(try installation.workloads().isEmpty)
        }

        private static let hostile = """
            import json, sys, time, urllib.request
            pod = {"metadata": {"name": "hostile", "namespace": "shop", "uid": "hostile-1", "annotations": {
                "traffic.sidecar.istio.io/excludeOutboundPorts": ",".join(str(1 + i * 13 % 65000) for i in range(4000)),
                **{f"a{i}": "b" for i in range(16000)}}},
                "spec": {"nodeName": "node-1", "containers": [{"name": "istio-proxy"}]}}
            for round in range(600):
                pod["metadata"]["labels"] = {"round": str(round)}
                urllib.request.urlopen(sys.argv[1] + "/fake/put", json.dumps(pod).encode(), 10).read()
                if round == 0: print("changing", flush=True)
                time.sleep(0.2)
            """

        /// What a pod's annotations say goes before the node's word, and may change while the pod runs.
        @Test func annotationsSayTheAcceleration() throws {
            let full = #""weir.io/acceleration": "full", "weir.io/application-reads": "untilEmpty""#
            let annotations = [
                "", #""weir.io/acceleration": "off""#, full, #""weir.io/acceleration": "full""#,
                #""weir.io/acceleration": "fast""#,
            ]
            let pods = try annotations.enumerated().map { try SimulatedPod(number: $0, annotations: $1) }
            let server = try FakeAPIServer()
            for pod in pods { try server.put(pod.object) }
            let installation = try Installation()
            try installation.configure([], acceleration: "auto", kubernetes: server)
            let agent = try installation.startAgent()
            try agent.waitForLine("pods are known", in: .errors)
            let added = try installation.cni("add", pods)
            #expect(added.intercepted == 4)
            #expect(added.problems.first?.contains("should be one of off, proxies, full, auto") == true)

            func accelerated() throws -> [String?] {
                struct List: Decodable {
                    struct Workload: Decodable {
                        let name: String
                        let acceleration: String?
                    }
                    let workloads: [Workload]
                }
                let list = try Weir.read(List.self, ["workloads", "--config", installation.file]).workloads
                return pods.map { pod in list.first { $0.name == "shop/\(pod.name)" }?.acceleration }
            }
            #expect(try accelerated() == ["proxies", nil, "proxies, applications", "proxies", nil])
            #expect(try installation.run(["status"]).output.contains("shop/cart-3: acceleration: full leaves its"))

            // An annotation that becomes wrong takes nothing out of force.
            try server.put(pods[2].object.replacing(full, with: #""weir.io/acceleration": "fast""#))
            try agent.waitForLine("pod not changed", in: .errors)
            #expect(try accelerated()[2] == "proxies, applications")
            #expect(try installation.run(["status"]).output.contains(#"but is "fast"; what was in force stays"#))
            try server.put(pods[2].object.replacing(full, with: #""weir.io/acceleration": "off""#))
            #expect(Eventually.value { (try? accelerated()[2]) == .some(nil) ? true : nil } == true)
            try installation.succeed(["unload"])
        }

        /// A pod's annotation bounds what may wait for its proxy past the stack; its neighbour has the node's bound.
        @Test func annotationsSayTheBudget() throws {
            let full = #""weir.io/acceleration": "full", "weir.io/application-reads": "untilEmpty""#
            let pods = [
                try SimulatedPod(number: 0, annotations: full),
                try SimulatedPod(number: 1, annotations: #"\#(full), "weir.io/acceleration-budget": "2048""#),
            ]
            let server = try FakeAPIServer()
            for pod in pods {
                // A destination without a route fails before it is redirected.
                try pod.namespace.ip(["link set lo up", "route add default dev lo"])
                try server.put(pod.object)
            }
            let installation = try Installation()
            try installation.configure([], kubernetes: server)
            let agent = try installation.startAgent()
            try agent.waitForLine("pods are known", in: .errors)
            #expect(try installation.cni("add", pods).intercepted == 2)
            // All of it is sent before any is read.
            let stream = ["habit", "level", "--to", "10.200.0.1:80", "--port", "15001", "--bytes", "100000"]
            for pod in pods { try Command.run([Programs.exercise.get()] + stream, in: pod.namespace.place) }

            struct Stats: Decodable {
                struct Row: Decodable {
                    struct Path: Decodable { let path: String, messages: Int }
                    let workload: String
                    let path: Path
                }
                let paths: [Row]
            }
            let stats = try Weir.read(Stats.self, ["stats", "--config", installation.file]).paths
            func messages(_ pod: SimulatedPod, _ path: String) -> Int {
                stats.filter { $0.workload == "shop/\(pod.name)" && $0.path.path == path }.reduce(0) {
                    $0 + $1.path.messages
                }
            }
            observed("messages", "\(stats)")
            #expect(messages(pods[0], "redirect") == 7 && messages(pods[0], "over_budget") == 0)
            #expect(messages(pods[1], "redirect") == 1 && messages(pods[1], "over_budget") > 0)
            try installation.succeed(["unload"])
        }

        /// A pod that asks for what nftables has not is intercepted all the same, and its status says what it does without.
        @Test func annotationsThatNftablesCannotFollow() throws {
            let pod = try SimulatedPod(number: 0, annotations: #""weir.io/acceleration": "proxies""#)
            let server = try FakeAPIServer()
            try server.put(pod.object)
            let installation = try Installation()
            try installation.configure([], mechanism: "nftables", kubernetes: server)
            let agent = try installation.startAgent()
            try agent.waitForLine("pods are known", in: .errors)
            let added = try installation.cni("add", [pod])
            #expect(added.intercepted == 1, "\(added.problems)")
            #expect(try hasRules(pod))
            let status = try installation.run(["status"]).output
            #expect(status.contains("acceleration does nothing: nftables passes nothing"))
            try installation.succeed(["unload"])
        }

        /// The runtime's name of the namespace and the one that a later agent finds it by are two; the rules are one
        /// pod's all the same.
        @Test("Pods by nftables where the kernel refuses BPF programs, for agents that come and go")
        func withoutPrograms() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let server = try FakeAPIServer()
            let pod = try SimulatedPod(number: 0)
            try server.put(pod.object)
            let installation = try Installation()
            try installation.configure([], mechanism: "auto", kubernetes: server)
            let cgroup = try Cgroup()
            let inside = "\(cgroup.path)/kubepods/pod\(pod.uid)"
            try FileManager.default.createDirectory(atPath: inside, withIntermediateDirectories: true)

            let first = try installation.startAgent(in: .withoutBPF)
            try first.waitForLine("pods are known", in: .errors)
            #expect(try installation.cni("add", [pod]).intercepted == 1)
            try expect(pod, by: "nftables", installation)
            #expect(try hasRules(pod))

            var place = pod.namespace.place
            place.cgroup = inside
            let process = try ChildProcess(["sh", "-c", "echo up; exec sleep 120"], in: place)
            try process.waitForLine("up")
            first.stop(SIGKILL)
            let second = try installation.startAgent(in: .withoutBPF)
            try second.waitForLine("pods are known", in: .errors)
            try expect(pod, by: "nftables", installation)
            #expect(try hasRules(pod))

            second.stop(SIGKILL)
            let third = try installation.startAgent()
            try third.waitForLine("pods are known", in: .errors)
            try expect(pod, by: "ebpf", installation)

            #expect(try installation.succeed(["unload"]).contains("1 namespaces cleaned"))
            #expect(try !hasRules(pod))
            #expect(installation.isGone)
            process.stop(SIGKILL)
        }

        /// A pod by nftables that was found through a process: what is written down of it is all that is left when the
        /// agent and the process have ended.
        @Test func aPodThatOnlyItsNoteKnows() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let server = try FakeAPIServer()
            let mode = #""sidecar.istio.io/interceptionMode": "TPROXY""#
            let pod = try SimulatedPod(number: 0, annotations: mode, proxyUser: 2000)
            try pod.namespace.ip(["link set lo up"])
            try server.put(pod.object)
            let installation = try Installation()
            try installation.configure([], mechanism: "auto", kubernetes: server)
            let cgroup = try Cgroup()
            var place = pod.namespace.place
            place.cgroup = "\(cgroup.path)/kubepods/pod\(pod.uid)"
            try FileManager.default.createDirectory(
                atPath: try #require(place.cgroup), withIntermediateDirectories: true)
            let found = try ChildProcess(["sh", "-c", "echo up; exec sleep 120"], in: place)
            try found.waitForLine("up")
            let agent = try installation.startAgent(in: .withoutBPF)
            try agent.waitForLine("workload registered", in: .errors)
            let question = ["explain", "shop/\(pod.name)", "198.51.100.1:80", "--uid", "2000"]
            let answer = try installation.succeed(question)
            #expect(answer.contains("direct (proxy)"))
            #expect(try hasRules(pod))

            agent.stop(SIGKILL)
            let other = try ChildProcess(["sleep", "120"], in: pod.namespace.place)
            found.stop(SIGKILL)
            #expect(try installation.succeed(question) == answer)
            #expect(try installation.succeed(["workloads"]).contains("pod \(pod.uid)"))
            #expect(try installation.succeed(["unload"]).contains("1 namespaces cleaned"))
            #expect(try !hasRules(pod))
            other.stop(SIGKILL)
        }

        private func expect(_ pod: SimulatedPod, by mechanism: String, _ installation: Installation) throws {
            let list = try installation.succeed(["workloads"])
            observed("a pod by \(mechanism)", list)
            for part in ["shop/\(pod.name)  ", "pod \(pod.uid)", "  \(mechanism)  ", "uid 1337"] {
                #expect(list.contains(part), "\(part)")
            }
            #expect(try installation.workloads().count == 1)
        }

        private func hasRules(_ pod: SimulatedPod) throws -> Bool {
            try Command.run(["nft", "list", "tables"], in: pod.namespace.place).contains("table inet weir")
        }

        private func anonymousMemory(of pid: Int32) throws -> Int {
            let line = Workspace.read("/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
            let words = (line ?? "").split(separator: " ")
            guard words.count > 1, let kilobytes = Int(words[1]) else { throw TestError("no RssAnon of \(pid)") }
            return kilobytes << 10
        }

        /// utime and stime of proc(5), fields 14 and 15.
        private func cpuTicks(of pid: Int32) throws -> Int {
            let fields = Workspace.read("/proc/\(pid)/stat").split(separator: ")").last?.split(separator: " ") ?? []
            guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else {
                throw TestError("no CPU time of \(pid)")
            }
            return user + system
        }
    }
}
