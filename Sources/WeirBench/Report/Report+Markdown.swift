extension Report {
    /// The report for a repository: a text that shows pictures which lie beside it.
    /// - Returns: the text, and the pictures by their file names.
    public var markdown: (text: String, pictures: [String: String]) {
        let charts = charts
        var parts = ["# weir bench", "Made by `weir bench --markdown`; not edited.", heading.joined(separator: "  \n")]
        if !goals.isEmpty { parts.append("## Built for\n\n\(Self.items(goals.map(\.description)))") }
        for (suite, table) in tables {
            parts.append("## \(suite.title)")
            let own = charts.filter { $0.suite == suite.rawValue }
            if !own.isEmpty {
                parts.append(own.map { "![\($0.chart.title)](\($0.name).svg)" }.joined(separator: "\n"))
            }
            parts.append(Self.rows(table))
        }
        parts.append(Self.legend)
        if !doubts.isEmpty { parts.append("## \(Self.doubtsTitle)\n\n\(Self.items(doubts))") }
        let pictures = charts.map { ("\($0.name).svg", $0.chart.svg(isAlone: true) + "\n") }
        return (
            parts.joined(separator: "\n\n") + "\n", Dictionary(pictures, uniquingKeysWith: { first, _ in first })
        )
    }

    private static func items(_ list: [String]) -> String { list.map { "- \($0)" }.joined(separator: "\n") }

    private static func rows(_ table: ReportTable) -> String {
        let rule = table.headings.indices.map { $0 < ReportTable.text ? "---" : "--:" }
        return ([table.headings, rule] + table.rows).map { "| \($0.joined(separator: " | ")) |" }.joined(
            separator: "\n")
    }
}
