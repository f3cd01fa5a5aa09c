import Testing

@testable import WeirBench

@Suite struct RatioTests {
    @Test func theRatioIsOfRoundsAndNotOfMedians() throws {
        // A machine that becomes twice as slow half way: both are, and the ratio does not notice.
        let base = [Double](repeating: 100, count: 10) + [Double](repeating: 200, count: 10)
        let ratio = try #require(Ratio(base.map { $0 * 1.25 }, to: base, against: .direct, sittings: [10, 10]))
        #expect(ratio.median == 1.25)
        #expect(ratio.low == 1.25 && ratio.high == 1.25)
        #expect(ratio.doubt == nil)
    }

    @Test func fewRoundsAreNotTrusted() throws {
        let ratio = try #require(Ratio([1, 1, 1, 1, 1], to: [1, 1, 1, 1, 1], against: .direct, sittings: [5]))
        #expect(ratio.doubt == "has 5 rounds, of which six are needed")
    }

    @Test func aSpreadIsNotTrustedAndSaysHowFar() throws {
        let values = (0..<30).map { $0 % 2 == 0 ? 1.0 : 1.2 }
        let ratio = try #require(Ratio(values, to: values.map { _ in 1 }, against: .direct, sittings: [30]))
        #expect(ratio.low == 1.0 && ratio.high == 1.2)
        #expect(ratio.doubt == "± 9.1 %")
    }

    /// One round in ten that is ten times as slow, as when something else ran, is no reason to doubt.
    @Test func outliersAreNoReasonToDoubt() throws {
        let values = (0..<30).map { $0 % 10 == 0 ? 10.0 : 1.1 + Double($0) * 0.0001 }
        let ratio = try #require(Ratio(values, to: values.map { _ in 1 }, against: .direct, sittings: [30]))
        #expect(ratio.doubt == nil)
        #expect(abs(ratio.median - 1.1) < 0.01)
    }

    /// Steady within each sitting, so that the order of all rounds says that the median is well known.
    @Test func sittingsThatDifferAreNotTrusted() throws {
        let values = [Double](repeating: 1.0, count: 30) + [Double](repeating: 1.1, count: 10)
        func ratio(_ sittings: [Int]) throws -> Ratio {
            try #require(Ratio(values, to: values.map { _ in 1 }, against: .direct, sittings: sittings))
        }
        #expect(try ratio([40]).doubt == nil)
        #expect(try ratio([15, 15, 10]).doubt == "± 10.0 %")
        #expect(try ratio([15, 15, 10]).high == 1.1)
    }

    /// Against tables of the sign test's confidence intervals for the median.
    @Test(arguments: [(5, nil), (6, 0), (8, 0), (9, 1), (20, 5), (30, 9), (60, 21)] as [(Int, Int?)])
    func theRangeHolds95Percent(count: Int, skipped: Int?) {
        #expect(Ratio.skipped(count) == skipped)
    }

    @Test func nothingIsNotTrusted() throws {
        let none = [Double](repeating: 0, count: 8)
        let ratio = try #require(Ratio(none, to: none.map { _ in 1 }, against: .direct, sittings: [8]))
        #expect(ratio.median == 0 && ratio.doubt != nil)
    }

    @Test func roundsWithoutABaseDoNotCount() {
        #expect(Ratio([1, 2], to: [0, 0], against: .direct, sittings: [2]) == nil)
        #expect(Ratio([], to: [], against: .direct, sittings: [0]) == nil)
    }
}
