import TestSupport
import Testing

extension EndToEnd {
    /// Pods as such: alike, and without a proxy.
    @Suite struct Pods {
        /// Two pods with equal addresses make connections with equal addresses and ports, all open at once.
        @Test(arguments: Family.allCases)
        func equalAddressesAreNeverCrossed(_ family: Family) throws {
            let pods = [try Pod(number: 5), try Pod(number: 5)]
            let interceptor = try Interception.start(pods)
            let proxies = try pods.indices.map { try Listener.proxy(in: pods[$0], name: "proxy \($0)") }
            let destination = Endpoint(family.destination(30), 80)
            let runs = try (0..<20).flatMap { round in
                try pods.indices.map { index in
                    let source = [
                        "--source", pods[index].address(family), "--source-port", String(40000 + round),
                        "--token", "\(index).\(round)", "--hold", "1500",
                    ]
                    return (
                        index, round,
                        try Attempt.start("bound", to: destination, options: source, in: pods[index].application)
                    )
                }
            }
            for (index, round, process) in runs {
                let attempt = try Attempt.finish(process)
                if round == 0 { observed("pod \(index) of two alike over \(family)", attempt) }
                #expect(attempt.facts?.name == "proxy \(index)")
                #expect(attempt.facts?.token == "\(index).\(round)")
                #expect(attempt.facts?.origin == destination)
                #expect(attempt.local == Endpoint(pods[index].address(family), 40000 + round))
            }
            for proxy in proxies { proxy.process.stop() }
            try interceptor.stop()
        }

        /// Without a proxy a connection is refused: no application byte leaves the pod.
        @Test(arguments: Family.allCases)
        func withoutAProxyConnectionsAreRefused(_ family: Family) throws {
            let pod = try Pod(number: 6)
            let interceptor = try Interception.start([pod])
            let outside = try Listener.outside(of: pod)
            for kind in ["blocking", "nonblocking", "io_uring", "fastopen", "mptcp"] {
                let attempt = try Attempt.run(kind, to: Endpoint(family.destination(31), 80), in: pod.application)
                observed("no proxy, \(kind) over \(family)", attempt)
                #expect(attempt.outcome == "refused")
            }
            let inbound = try Attempt.run("blocking", to: Endpoint(pod.address(family), 8080), in: pod.outside.place)
            observed("no proxy, inbound over \(family)", inbound)
            #expect(inbound.outcome == "refused")
            outside.process.stop()
            try interceptor.stop()
        }
    }
}
