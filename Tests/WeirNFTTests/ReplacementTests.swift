import Glibc
import Synchronization
import Testing
import WeirCore

@testable import WeirNFT

@Suite(.enabled(if: Pod.isPossible, "needs root and nft"), .serialized) struct ReplacementTests {
    private static func ruleset(port: UInt16) throws -> Ruleset {
        var specification = try Profile.istio.specification()
        specification.outboundPort = port
        // So that there is something to look through.
        specification.outboundExcludeRanges = (0..<2_000).map {
            CIDR(containing: Address(ipv4: 0x0b00_0000 + UInt32($0) * 512), length: 120)
        }
        return try Ruleset(PolicyCompiler.compile(specification))
    }

    /// As many connections as two threads can make, while the rules change 200 times between two proxies. A connection
    /// that neither set of rules decided would come out at the far end.
    @Test func `Every connection is decided by the old or by the new rules`() async throws {
        let rulesets = [try Self.ruleset(port: 15001), try Self.ruleset(port: 15002)]
        let counts = try await Pod.run { pod in
            // Connections are closed by the listeners first, whose TIME_WAIT costs the clients no ports.
            let far = try pod.enter(pod.outside) { try Socket.listener(80) }
            let server = Answering([
                (try Socket.listener(15001), "old"), (try Socket.listener(15002), "new"), (far, "far"),
            ])
            try pod.load(rulesets[0])
            let failures = Mutex<[String]>([])
            let isDone = Atomic<Bool>(false)
            let clients = Clients(2, in: pod) {
                while !isDone.load(ordering: .relaxed) {
                    do {
                        let connection = try Socket.connection(to: "203.0.113.7:80")
                        while try !connection.receive().text.isEmpty {}
                    } catch {
                        failures.withLock { $0.append("\(error)") }
                    }
                }
            }
            for number in 1...200 { try pod.load(rulesets[number % 2]) }
            isDone.store(true, ordering: .relaxed)
            clients.wait()
            server.stop()
            #expect(failures.withLock { $0 } == [])
            return server.counts.withLock { $0 }
        }
        #expect(counts["far"] == 0)
        #expect(counts["old", default: 0] > 0 && counts["new", default: 0] > 0, "\(counts)")
    }
}

/// Threads that run one body in a pod.
private final class Clients: Sendable {
    private let running: Atomic<Int>

    init(_ count: Int, in pod: Pod, _ body: @escaping @Sendable () -> Void) {
        running = Atomic(count)
        for _ in 0..<count {
            Pod.start { [self] in
                try? pod.enter(pod.inside, body)
                running.subtract(1, ordering: .relaxed)
            }
        }
    }

    func wait() {
        while running.load(ordering: .relaxed) > 0 { usleep(1000) }
    }
}
