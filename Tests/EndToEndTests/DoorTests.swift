import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEnd {
    /// The agent's doors: the open port and the admin socket, and the lock that says whose the installation is.
    @Suite struct Doors {
        /// Requests that are none, at both doors: the next good one is answered, and no connection stays open.
        @Test func mutatedRequests() throws {
            let weir = try Installation()
            let agent = try weir.startAgent()
            let seeds = [
                "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "POST /v1/cni/add HTTP/1.1\r\nHost: weir\r\nContent-Length: 27\r\n\r\n{\"containerID\":\"a\",\"x\":[1]}",
                "POST /v1/adopt?pod=a/b&undo=true HTTP/1.1\r\nHost: weir\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
                "GET /v1/flows?follow=false HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n",
                "GET /metrics HTTP/1.0\r\n\r\nGET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            ]
            let before = try sockets(agent)
            Mutator.rounds(60) { mutator in
                let text = mutator.pick(seeds)
                let isWords = mutator.below(2) == 0
                let bytes = isWords ? Array(mutator.mutate(tokens: text).utf8) : mutator.mutate(Array(text.utf8))
                // Mutations do not write this by chance, but who knows.
                if String(decoding: bytes, as: UTF8.self).contains("/v1/stop") { return }
                exchange(.socket(weir.socket), bytes, milliseconds: 30)
                exchange(.port(UInt16(weir.listen)), bytes, milliseconds: 30)
            }
            #expect(agent.poll() == nil, "the agent ended: \(agent.errors.suffix(2000))")
            #expect(exchange(.socket(weir.socket), Array(seeds[0].utf8)).hasPrefix("HTTP/1.1 200"))
            #expect(exchange(.port(UInt16(weir.listen)), Array(seeds[0].utf8)).hasPrefix("HTTP/1.1 200"))
            let after = Eventually.value(within: 40) { () -> Int? in
                let now = (try? sockets(agent)) ?? 0
                return now <= before ? now : nil
            }
            observed("sockets before and after", "\(before), \(after ?? -1)")
            #expect(after != nil)
            try weir.succeed(["unload"])
            _ = try agent.wait()
        }

        /// A second one says who keeps the installation, and changes nothing; unload ends whoever it is.
        @Test func anotherAgentOfTheSameInstallation() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let namespace = try Namespace()
            let weir = try Installation(["{name: shop, selector: {netns: \(namespace.path)}, mesh: istio}"])
            let agent = try weir.startAgent()
            let other = try Workspace.write(
                "other.yaml",
                "agent: {pins: \(weir.pins), socket: \(Workspace.newPath("other.sock")), listen: \"127.0.0.1:1\"}\n")
            for command in ["agent", "load"] {
                let result = try Weir.run([command, "--config", other])
                #expect(result.status == 2)
                #expect(
                    result.errors.contains(
                        "another process of Weir, pid \(agent.pid), keeps the installation under /sys/fs/bpf/\(weir.pins); "
                    ), "\(result.errors)")
            }
            #expect(try Array(weir.workloads().keys) == ["shop"])
            let unloaded = try Weir.run(["unload", "--config", other])
            #expect(unloaded.status == 0)
            #expect(unloaded.output.contains("ended another agent (pid \(agent.pid)) that kept this installation"))
            #expect(try agent.wait().status == 0)
            #expect(weir.isGone)
        }

        /// An agent that is stopped, or whose processor is: commands say so, and unload leaves nothing.
        @Test func anAgentThatHangs() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let namespace = try Namespace()
            let weir = try Installation(["{name: shop, selector: {netns: \(namespace.path)}, mesh: istio}"])
            let agent = try weir.startAgent()
            agent.signal(SIGSTOP)
            let status = try weir.run(["status"])
            #expect(status.status == 1)
            #expect(status.output.contains("agent      hangs: the agent (pid \(agent.pid)) does not answer within 5 s"))
            #expect(status.output.contains("shop"))
            let flows = try weir.run(["flows"])
            #expect(flows.status == 2)
            #expect(flows.errors.hasPrefix("weir: the agent (pid \(agent.pid)) does not answer within 5 s"))
            let unloaded = try weir.run(["unload"])
            #expect(unloaded.status == 0)
            #expect(unloaded.output.contains("the agent (pid \(agent.pid)) did not answer or end; it was killed"))
            #expect(try agent.wait().status == 128 + SIGKILL)
            #expect(weir.isGone)
        }

        private enum Door {
            case socket(String)
            case port(UInt16)
        }

        private func sockets(_ agent: ChildProcess) throws -> Int {
            let folder = "/proc/\(agent.pid)/fd"
            return try FileManager.default.contentsOfDirectory(atPath: folder).count { name in
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
                return target?.hasPrefix("socket:") ?? false
            }
        }

        /// Sends, says that no more comes, and reads for so long.
        @discardableResult
        private func exchange(_ door: Door, _ bytes: [UInt8], milliseconds: Int = 10_000) -> String {
            let family = if case .socket = door { AF_UNIX } else { AF_INET }
            let raw = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            defer { close(raw) }
            var time = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
            setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
            setsockopt(raw, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
            guard connect(raw, door) else { return "" }
            _ = send(raw, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            shutdown(raw, Int32(SHUT_WR))
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(raw, &buffer, buffer.count, 0)
            return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
        }

        private func connect(_ raw: Int32, _ door: Door) -> Bool {
            switch door {
            case .socket(let path):
                var address = sockaddr_un()
                address.sun_family = sa_family_t(AF_UNIX)
                withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
                return withUnsafePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        Glibc.connect(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
                    }
                }
            case .port(let port):
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
                address.sin_port = port.bigEndian
                return withUnsafePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        Glibc.connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                    }
                }
            }
        }
    }
}
