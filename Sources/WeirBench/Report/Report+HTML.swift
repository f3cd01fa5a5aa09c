extension Report {
    /// One page that needs nothing else: tables and curves, for light and dark, and for paper.
    public var html: String {
        var body = ["<h1>weir bench</h1>", "<p>\(heading.map(Chart.escape).joined(separator: "<br>"))</p>"]
        if !goals.isEmpty { body.append("<h2>Built for</h2>\n\(Self.list(goals.map(\.description)))") }
        let charts = charts
        for (suite, table) in tables {
            body.append("<h2>\(Chart.escape(suite.title))</h2>")
            let own = charts.filter { $0.suite == suite.rawValue }
            if !own.isEmpty {
                body.append(
                    "<div class=\"charts\">\(own.map { $0.chart.svg(isAlone: false) }.joined(separator: "\n"))</div>")
            }
            body.append(Self.table(table))
        }
        body.append("<p>\(Chart.escape(Self.legend))</p>")
        if !doubts.isEmpty { body.append("<h2>\(Chart.escape(Self.doubtsTitle))</h2>\n\(Self.list(doubts))") }
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>weir bench, \(Chart.escape(machine.date))</title>
            <style>
            :root { color-scheme: light dark; }
            body { font: 14px/1.5 system-ui, sans-serif; max-width: 1400px; margin: 2em auto; padding: 0 1em;
                   color: #24292f; background: #fff; }
            table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
            th, td { padding: 2px 10px; text-align: right; white-space: nowrap; }
            th:first-child, td:first-child { text-align: left; }
            .of th { border-top: 1px solid #d0d7de; }
            td:first-child { padding-left: 2em; }
            .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(420px, 1fr)); gap: 1em; }
            .wide { overflow-x: auto; }
            \(Chart.style)
            @media (prefers-color-scheme: dark) {
              body { color: #e6edf3; background: #0d1117; } .of th { border-color: #30363d; }
            }
            @media print { body { color: #000; background: #fff; max-width: none; font-size: 9px; padding: 0; }
              th, td { padding: 1px 5px; } .wide { overflow: visible; }
              .charts { grid-template-columns: 1fr 1fr; } svg, tr { break-inside: avoid; } .of { break-after: avoid; } }
            </style>
            </head>
            <body>
            \(body.joined(separator: "\n"))
            </body>
            </html>

            """
    }

    private static func list(_ items: [String]) -> String {
        "<ul>\n\(items.map { "<li>\(Chart.escape($0))</li>" }.joined(separator: "\n"))\n</ul>"
    }

    /// What the rows are about stands above them: side by side it would be too wide for paper.
    private static func table(_ table: ReportTable) -> String {
        let about = ReportTable.text - 1
        let head = table.headings[about...].map { "<th>\(Chart.escape($0))</th>" }.joined()
        let rows = table.rows.flatMap { row -> [String] in
            let cells = row[about...].map { "<td>\(Chart.escape($0))</td>" }.joined()
            let title = row[..<about].filter { !$0.isEmpty }.joined(separator: ", ")
            let above = "<tr class=\"of\"><th colspan=\"\(row.count - about)\">\(Chart.escape(title))</th></tr>"
            return (title.isEmpty ? [] : [above]) + ["<tr>\(cells)</tr>"]
        }
        return "<div class=\"wide\"><table>\n<tr>\(head)</tr>\n\(rows.joined(separator: "\n"))\n</table></div>"
    }
}
