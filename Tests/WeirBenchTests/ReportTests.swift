import Foundation
import FoundationXML
import Testing

@testable import WeirBench

@Suite struct ReportTests {
    @Test func theTableHasEveryCaseWithItsRatios() throws {
        let text = Report.fixture().text
        #expect(text.contains("nftables was not measured: nft is <not> installed; install the package nftables"))
        let row = try #require(text.split(separator: "\n").first { $0.contains("1000 excluded CIDRs") })
        #expect(row.hasPrefix("time to connect, IPv4"))
        let weir = try #require(text.split(separator: "\n").first { $0.hasPrefix(" ") && $0.contains(" weir ") })
        #expect(weir.contains("1.100") && weir.contains("0.846") && weir.contains("80.5 µs"))
        #expect(!text.contains("?"))
    }

    @Test func whatIsNotTrustedIsMarkedAndExplained() {
        let text = Report.fixture(spread: 0.2).text
        #expect(text.contains("1.210?"))
        #expect(
            text.contains("connect · time to connect · IPv4 · excluded CIDRs 0: iptables / direct ± "))
        #expect(text.contains("reached, but not trusted"))
    }

    @Test func goalsSayWhatIsReached() {
        let reached = Report.fixture(weir: 1.05).goals.map(\.description)
        #expect(reached.contains("connect through Weir / direct, the worst of all rules: ≤ 1.100, is 1.050: reached"))
        #expect(
            reached.contains("connect through Weir, with any number of CIDRs / with none: ≤ 1.030, is 1.000: reached"))
        let missed = Report.fixture(weir: 1.2).goals.map(\.description)
        #expect(missed.contains { $0.hasSuffix("≤ 1.100, is 1.200: not reached") })
    }

    @Test func thePageNeedsNothingElse() {
        let page = Report.fixture().html
        #expect(page.contains("nft is &lt;not&gt; installed"))
        #expect(page.contains("prefers-color-scheme: dark") && page.contains("@media print"))
        #expect(page.contains("<svg class=\"weir-chart\""))
        // The name of SVG's namespace is the only address, and nothing is loaded by it.
        let addresses = page.components(separatedBy: "http").dropFirst().filter {
            !$0.hasPrefix("://www.w3.org/2000/svg\"")
        }
        #expect(addresses.isEmpty)
        for loading in ["<script", "<link", "src=", "@import", "url("] { #expect(!page.contains(loading)) }
    }

    /// Three curves that end at nearly the same height, which is the lowest.
    @Test func namesOfCurvesAreInsideThePlotAndApart() throws {
        let curves = [1.0, 1.01, 1.02].map { end in
            Chart.Curve(name: "at \(end)", style: 0, points: [(x: 0, y: 100), (x: 1, y: end)])
        }
        let svg = Chart(title: "", xLabel: "", unit: .nanoseconds, curves: curves).svg(isAlone: false)
        let places = svg.matches(of: #/y="([0-9.]+)" text-anchor="start">at /#).compactMap { Double($0.1) }.sorted()
        #expect(places.count == 3)
        #expect(zip(places, places.dropFirst()).allSatisfy { $1 - $0 >= 16 })
        #expect(try #require(places.last) <= 294)
    }

    @Test func picturesAreWellFormed() {
        let (text, pictures) = Report.fixture().markdown
        #expect(pictures.keys.sorted() == ["connect-time-to-connect-ipv4-excluded-cidrs.svg"])
        for (name, picture) in pictures {
            #expect(text.contains("](\(name))"))
            #expect(XMLParser(data: Data(picture.utf8)).parse())
            #expect(!picture.contains("nan") && !picture.contains("inf"))
        }
    }

    @Test func aResultIsReadAsItWasWritten() throws {
        let path = NSTemporaryDirectory() + "weir-bench-test-\(getpid()).json"
        defer { unlink(path) }
        // One report: another one, made a moment later, may have another date.
        let report = Report.fixture()
        try JSONEncoder().encode(report).write(to: URL(fileURLWithPath: path))
        #expect(try Report(file: path).text == report.text)
    }

    @Test(arguments: [
        (0.5, "0.50 ns"), (999.7, "1.00 µs"), (23_910, "23.9 µs"), (123_456, "123 µs"), (2_280_000, "2.28 ms"),
        (0, "0 ns"), (3.2e9, "3.20 s"), (1e30, "1e+21 s"),
    ])
    func timesAreReadable(value: Double, text: String) { #expect(Figure.text(value, .nanoseconds) == text) }
}
