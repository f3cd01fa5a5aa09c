import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// The kernel bounds what it keeps beside a socket by net.core.optmem_max, a namespace's own since Linux 6.8.
    @Suite struct NoMemory {
        private struct Seen: Decodable {
            let origin: String
            let second: String
        }

        /// A proxy's socket without memory is told its origin all the same; a connect() whose origin cannot be kept is
        /// refused, because the proxy would send it to the wrong place.
        @Test func noOriginIsLost() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 83)
            let weir = try Installation([.istio(pod)])
            try weir.load()
            let destination = Endpoint(Family.ipv4.destination(65), 80)
            let text = try Command.run(
                ["/usr/bin/python3", Workspace.fixture("no_memory.py"), destination.address, "\(destination.port)"],
                in: pod.namespace.place)
            let seen = try JSONDecoder().decode(Seen.self, from: Data(text.utf8))
            #expect(seen.origin == destination.description)
            #expect(seen.second == "PermissionError")
            #expect(try weir.connections(of: pod.namespace.name, "no_memory") == 1)
            let isForgotten = try Eventually.value {
                let path = "/sys/fs/bpf/\(weir.pins)/maps/weir_origins"
                return try Command.run(["bpftool", "-j", "map", "dump", "pinned", path]).hasPrefix("[]") ? true : nil
            }
            #expect(isForgotten == true, "the origin outlives its connection")
            try weir.succeed(["unload"])
        }
    }
}
