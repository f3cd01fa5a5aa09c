import TestSupport
import Testing

extension EndToEnd {
    /// Very many connections: no origin lost or mixed up, nothing kept of those that are gone.
    @Suite struct Storms {
        @Test func aHundredThousandConnectionsAndTwentyThousandFailures() throws {
            let pod = try Pod(number: 8)
            let interceptor = try Interception.start([pod])

            let server = try StormServer(in: pod.proxy)
            try expectAllRight(.ipv4, connections: 90_000, open: 10_000, pod)
            try expectAllRight(.ipv6, connections: 10_000, open: 2_000, pod)
            let reset = try run(.reset, pod)
            let counts = try server.finish()
            observed("the stub proxy", counts)
            #expect(reset.established == 5_000)
            #expect(counts.match == 100_000)
            #expect(counts.wrong == 0, "\(counts.wrongExample ?? "")")
            #expect(counts.lost == 0)
            #expect(counts.silentLost == 0)
            #expect(try interceptor.rememberedConnections() == 0)

            #expect(try run(.refused, pod).refused == 5_000)
            let stalled = try StormServer(workers: 1, stall: true, in: pod.proxy)
            let abort = try run(.abort, pod)
            #expect(abort.aborted + abort.established == 5_000)
            let timeout = try run(.timeout, pod)
            #expect(timeout.timedOut + timeout.established == 5_000)
            _ = try stalled.finish()
            #expect(try interceptor.rememberedConnections() == 0)
            try interceptor.stop()
        }

        private func expectAllRight(_ family: Family, connections: Int, open: Int, _ pod: Pod) throws {
            let process = try Storm.start(
                .storm, connections: connections, open: open, family: family, in: pod.application)
            let storm = try Storm.finish(process)
            observed("storm over \(family)", storm)
            #expect(storm.ok == connections)
            #expect(storm.wrongOrigin == 0)
            #expect(storm.lostOrigin == 0)
            #expect(storm.dropped == 0)
            #expect(storm.errors == 0, "\(storm.lastError ?? "")")
            #expect(storm.peakOpen >= open * 95 / 100)
        }

        private func run(_ mode: Storm.Mode, _ pod: Pod) throws -> Storm {
            let process = try Storm.start(mode, connections: 5_000, open: 5_000, in: pod.application)
            let storm = try Storm.finish(process)
            observed("storm, \(mode)", storm)
            #expect(storm.errors == 0, "\(storm.lastError ?? "")")
            #expect(storm.unfinished == 0)
            return storm
        }
    }
}
