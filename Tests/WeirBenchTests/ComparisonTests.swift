import Testing

@testable import WeirBench

@Suite struct ComparisonTests {
    @Test func equalRunsAgree() {
        let comparison = Comparison(.fixture(), .fixture())
        #expect(comparison.rows.count == 9)
        #expect(comparison.count(.same) == 9)
        #expect(comparison.text.contains("9 of 9 ratios agree within 5 %"))
    }

    @Test func aSlowerWeirIsWorseAndNothingElseIs() {
        let comparison = Comparison(.fixture(weir: 1.1), .fixture(weir: 1.3))
        let worse = comparison.rows.filter { $0.outcome == .worse }
        #expect(worse.count == 6 && worse.allSatisfy { $0.case == .weir })
        #expect(comparison.count(.same) == 3)
        #expect(Comparison(.fixture(weir: 1.3), .fixture(weir: 1.1)).count(.better) == 6)
    }

    /// Direct has steady rounds here, and the others spread; what disturbs both sides of a ratio is no spread of it.
    @Test func aSpreadDecidesNothing() {
        let rows = Comparison(.fixture(spread: 0.3), .fixture(weir: 1.25, spread: 0.3)).rows
        let weir = rows.filter { $0.case == .weir }
        #expect(weir.count { $0.against == .direct && $0.outcome == .untrusted } == 3)
        #expect(weir.count { $0.against == .iptables && $0.outcome == .worse } == 3)
    }

    @Test func moreIsBetterOfARate() {
        func rate(_ weir: Double) -> Report {
            var report = Report.fixture(weir: weir)
            for index in report.measurements.indices { report.measurements[index].unit = .perSecond }
            return report
        }
        #expect(Comparison(rate(1.1), rate(1.3)).count(.better) == 6)
    }

    /// As the memory of a proxy that had taken what it needs before.
    @Test(arguments: [0, -0.4]) func ofNothingThereIsNoChange(before: Double) {
        let comparison = Comparison(.fixture(weir: before), .fixture(weir: 1.1))
        #expect(comparison.count(.untrusted) == 6)
        #expect(comparison.text.contains("6 cannot be told apart"))
        #expect(Comparison(.fixture(weir: 0), .fixture(weir: 0)).count(.same) == 9)
    }

    @Test func whatOneLacksIsSaid() {
        var short = Report.fixture()
        short.measurements.removeLast()
        #expect(Comparison(.fixture(), short).onlyInOne.count == 3)
    }
}
