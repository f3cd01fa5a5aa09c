import Foundation
import TestSupport
import Testing

extension Acceleration {
    /// Clients and servers that people run, each behind an Envoy in a pod of its own, with an agent as a user has it.
    /// `WEIR_TRAFFIC_SECONDS` is how long each client runs, 2 unless given.
    @Suite struct RealPrograms {
        private static let seconds = ProcessInfo.processInfo.environment["WEIR_TRAFFIC_SECONDS"] ?? "2"

        /// What the workloads say, and whether bytes are redirected to applications by it.
        @Test(
            arguments: [
                ("acceleration: proxies", false), ("acceleration: auto", false), ("acceleration: full", false),
                ("acceleration: full, applicationReads: untilShort", true),
            ])
        func throughTwoEnvoys(_ scope: String, _ reachesApplications: Bool) throws {
            let chain = try Chain(scope)
            try expectWrk(chain, scope, "8080/small")
            try expectWrk(chain, scope, "8080/large")
            try expectWrk(chain, scope, "8082/small")
            try expectHTTP2(chain, scope, "8081/small")
            try expectHTTP2(chain, scope, "8081/large")
            // Whoever says how applications read says that none splices.
            let ports = [8080, 8082, 8083] + (reachesApplications ? [] : [8084])
            if !reachesApplications { try expectWrk(chain, scope, "8084/small") }
            for port in ports { try expectWholeBodies(chain, scope, port) }
            #expect(try chain.redirectedMessages() > 0)
            try chain.weir.succeed(["unload"])
        }

        /// HTTP/1.1, 20 connections.
        private func expectWrk(_ chain: Chain, _ scope: String, _ path: String) throws {
            let result = try chain.run(["wrk", "-t1", "-c20", "-d\(Self.seconds)s", "http://\(Chain.server):\(path)"])
            let lines = result.output.split(separator: "\n")
            let troubles = lines.filter { $0.contains("Socket errors") || $0.contains("Non-2xx") }
            observed("wrk \(path), \(scope)", lines.first { $0.contains("requests in") } ?? "nothing")
            #expect(result.status == 0)
            #expect(troubles.isEmpty, "\(result.output)")
            #expect(lines.contains { $0.contains("requests in") && !$0.contains(" 0 requests") })
        }

        /// HTTP/2 without TLS, 10 connections with 10 streams each.
        private func expectHTTP2(_ chain: Chain, _ scope: String, _ path: String) throws {
            let result = try chain.run([
                "h2load", "-c10", "-m10", "-D\(Self.seconds)", "http://\(Chain.server):\(path)",
            ])
            let line = result.output.split(separator: "\n").first { $0.hasPrefix("requests:") } ?? "nothing"
            observed("h2load \(path), \(scope)", line)
            #expect(result.status == 0)
            #expect(line.contains(" 0 failed, 0 errored, 0 timeout"), "\(result.output)")
            #expect(!line.contains(" 0 succeeded"))
        }

        /// Every byte of a large body, from nginx, from Java, and from nginx behind a relay.
        private func expectWholeBodies(_ chain: Chain, _ scope: String, _ port: Int) throws {
            for _ in 0..<10 {
                let path = try Workspace.write("body")
                let result = try chain.run([
                    "curl", "-sS", "--max-time", "20", "-o", path, "http://\(Chain.server):\(port)/large",
                ])
                #expect(result.status == 0, "\(result.errors)")
                #expect(FileManager.default.contents(atPath: path) == chain.large, "port \(port), \(scope)")
            }
        }
    }

    /// Pod 0 calls pod 1: application, Envoy, Envoy, application.
    final class Chain {
        static let server = Neighbours.address(1, .ipv4)

        let weir: Installation
        let large: Data
        private let neighbours: Neighbours
        private let agent: ChildProcess
        private let envoys: [Envoy]
        private var processes: [ChildProcess] = []
        private let lock = MachineLock(.shared)

        /// nginx: 8080, and 8081 for HTTP/2. Java: 8082. From 8083 to 8080 socat, and from 8084 a relay that splices.
        init(_ scope: String) throws {
            neighbours = try Neighbours()
            weir = try Installation(
                neighbours.pods.map {
                    "{name: \($0.name), selector: {netns: \($0.path)}, mesh: istio, \(scope)}"
                })
            agent = try weir.startAgent()
            large = Data((0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) })
            let folder = try Self.files(large)
            envoys = try (0..<2).map { [neighbours] in try Envoy(at: neighbours.proxy($0)) }
            let application = neighbours.application(1)
            try start(["nginx", "-c", Self.nginx(folder), "-g", "daemon off;"], [8080, 8081], application)
            // Without the property it sends a header and a body that wait for each other: 40 ms a request, anywhere.
            let java = [
                "java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dsun.net.httpserver.nodelay=true",
                try Workspace.fixture("HttpFiles.java"),
            ]
            try start(java + ["8082", folder], [8082], application)
            try start(["socat", "TCP-LISTEN:8083,fork,reuseaddr", "TCP:127.0.0.1:8080"], [8083], application)
            try start([Programs.exercise.get(), "relay", "--port", "8084", "127.0.0.1:8080"], [8084], application)
        }

        private func start(_ command: [String], _ ports: [Int], _ place: Place) throws {
            let program = command[0].hasPrefix("/") ? command[0] : try Programs.installed(command[0])
            processes.append(try ChildProcess([program] + command.dropFirst(), in: place))
            for port in ports {
                let answers = Eventually.value {
                    (try? Command.output(["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(port)"], in: place).status)
                        == 0
                        ? true : nil
                }
                if answers == nil { throw TestError("\(command[0]) does not listen on \(port)") }
            }
        }

        /// Runs a client in the first pod, to its end.
        func run(_ command: [String]) throws -> ChildProcess.Output {
            try ChildProcess([Programs.installed(command[0])] + command.dropFirst(), in: neighbours.application(0))
                .wait(limit: 200)
        }

        private static func files(_ large: Data) throws -> String {
            let folder = Workspace.newPath("files")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            for (name, data) in [("small", large.prefix(1024)), ("large", large)] {
                try data.write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
                chmod("\(folder)/\(name)", 0o644)
            }
            chmod(folder, 0o755)
            return folder
        }

        private static func nginx(_ folder: String) throws -> String {
            let own = Workspace.newPath("nginx")
            mkdir(own, 0o777)
            chmod(own, 0o777)
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(own)/\($0);" }
            return try Workspace.write(
                "nginx.conf",
                """
                # Workers would outlive a master that is killed.
                master_process off;
                pid \(own)/pid;
                error_log stderr;
                events {worker_connections 1024;}
                http {
                  access_log off;
                  keepalive_requests 1000000000;
                  sendfile on;
                  \(temporary.joined(separator: "\n  "))
                  server {listen 8080; root \(folder);}
                  server {listen 8081 http2; root \(folder);}
                }
                """)
        }

        func redirectedMessages() throws -> Int {
            let dump = try Command.run([
                "bpftool", "-j", "map", "dump", "pinned", "/sys/fs/bpf/\(weir.pins)/maps/weir_paths",
            ])
            struct Entry: Decodable {
                struct Key: Decodable { let path: Int }
                struct Count: Decodable { let messages: Int }
                struct Value: Decodable { let value: Count }
                struct Formatted: Decodable {
                    let key: Key
                    let values: [Value]
                }
                let formatted: Formatted
            }
            return try JSONDecoder().decode([Entry].self, from: Data(dump.utf8)).filter { $0.formatted.key.path == 0 }
                .flatMap(\.formatted.values).reduce(0) { $0 + $1.value.messages }
        }
    }
}
