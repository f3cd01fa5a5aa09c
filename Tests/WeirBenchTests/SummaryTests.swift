import Testing

@testable import WeirBench

@Suite struct SummaryTests {
    @Test func percentilesAreWithinAThousandth() throws {
        var recorder = Recorder()
        recorder.record((1...100_000).map { UInt32($0 * 10) })
        let summary = try #require(recorder.summary)
        #expect(summary.count == 100_000)
        for (found, wanted) in [(summary.p50, 500_000.0), (summary.p99, 990_000), (summary.p999, 999_000)] {
            #expect(abs(found / wanted - 1) < 0.001)
        }
    }

    @Test func nothingIsNoSummary() {
        #expect(Recorder().summary == nil)
        #expect(Summary(values: []) == nil)
        #expect(Tally().result(.direct) == nil)
    }

    /// A hundred requests of 1 ms and a stall of a second: with nobody waiting, a thousand would have been sent
    /// meanwhile, and most of all latencies would be of the stall.
    @Test func aStallCountsForThoseItKeptFromBeingSent() throws {
        let samples = [UInt32](repeating: 1_000_000, count: 100) + [1_000_000_000]
        var raw = Recorder()
        raw.record(samples)
        var corrected = Recorder()
        corrected.record(samples, interval: 1_000_000)
        #expect(try #require(raw.summary).p50 < 1_010_000)
        #expect(try #require(corrected.summary).p50 > 400_000_000)
        #expect(try #require(corrected.summary).count > 1000)
    }

    @Test func aTallyOfRequestsIsCorrectedOnlyWithoutPace() throws {
        let samples = [UInt32](repeating: 1_000_000, count: 100) + [1_000_000_000]
        var free = Tally()
        free.add(round: samples, isPaced: false)
        var paced = Tally()
        paced.add(round: samples, isPaced: true)
        #expect(try #require(free.result(.weir)).rounds[0] > 400_000_000)
        #expect(try #require(paced.result(.weir)).rounds[0] < 1_010_000)
    }

    @Test func sittingsAddUp() throws {
        func measurement(_ weir: UInt32, rounds: Int, cpu: Double) throws -> Measurement {
            let results = try [(Case.direct, UInt32(1000)), (.weir, weir)].map { one, value in
                var tally = Tally()
                for _ in 0..<rounds { tally.add([UInt32](repeating: value, count: 10)) }
                return try #require(tally.result(one, cpu: cpu))
            }
            return Measurement(
                suite: "connect", what: "time to connect", variant: "IPv4", unit: .nanoseconds, results: results)
        }
        var both = try measurement(1100, rounds: 6, cpu: 10)
        both.add(try measurement(1300, rounds: 2, cpu: 30))
        both.compare()
        let weir = try #require(both.results.last)
        #expect(weir.summary.count == 80 && weir.summary.p50 < 1110 && weir.summary.p90 > 1290)
        #expect(weir.rounds.count == 8 && weir.sittings == [6, 2])
        #expect(weir.cpu == 15)
        #expect(weir.ratios.first?.high == 1.3)
    }
}
