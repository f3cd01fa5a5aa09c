import WeirAgent

extension Report {
    /// The report for a terminal.
    public var text: String {
        var parts = [heading.joined(separator: "\n")]
        for (suite, table) in tables {
            var drawn = Table(table.headings, numeric: Set(ReportTable.text..<table.headings.count))
            for row in table.rows { drawn.add(row) }
            parts.append("\(suite.title)\n\n\(drawn.text)")
        }
        parts.append(Self.legend)
        let goals = goals
        if !goals.isEmpty { parts.append((["Built for"] + goals.map { "  \($0)" }).joined(separator: "\n")) }
        let doubts = doubts
        if !doubts.isEmpty { parts.append(([Self.doubtsTitle] + doubts.map { "  \($0)" }).joined(separator: "\n")) }
        return parts.joined(separator: "\n\n")
    }
}

extension SuiteName {
    /// What the suite measures, as a heading.
    var title: String {
        switch self {
        case .connect: "Connect: to an address that the proxy takes; direct calls the proxy's port itself"
        case .latency: "Latency: application, sidecar, sidecar, application; direct has no sidecars"
        case .stream: "Stream: one connection on the same way"
        case .scale: "Scale: many workloads, many connections"
        case .harm: "Harm: what others lose; their ratio to direct should be 1"
        case .proxy: "Proxy: proxies as sidecar of a workload that Weir intercepts"
        }
    }
}

extension Measurement {
    /// The parameter as people read it.
    var at: String { parameter.map { "\(Figure.fixed($0.value, 0)) \($0.name)" } ?? "" }
}
