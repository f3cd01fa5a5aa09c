extension Report {
    /// A chart for everything that was measured at two or more values of something.
    var charts: [(name: String, suite: String, chart: Chart)] {
        var groups: [(key: String, members: [Measurement])] = []
        for one in measurements {
            guard let parameter = one.parameter, parameter.name != "excluded ports" else { continue }
            let key = [one.suite, one.what, one.variant, parameter.name].joined(separator: " ")
            if let index = groups.firstIndex(where: { $0.key == key }) {
                groups[index].members.append(one)
            } else {
                groups.append((key, [one]))
            }
        }
        return groups.filter { $0.members.count > 1 }.flatMap { group -> [(String, String, Chart)] in
            guard let first = group.members.first else { return [] }
            let isTailed = first.results.contains { !$0.tails.isEmpty }
            let name = "\(first.suite)-\(Self.word("\(first.what) \(first.variant) \(first.parameter?.name ?? "")"))"
            let median = Self.chart(group.members, isTailed || first.unit == .nanoseconds ? "p50" : "", \.p50)
            guard isTailed else { return [(name, first.suite, median)] }
            return [
                ("\(name)-p50", first.suite, median),
                ("\(name)-p99", first.suite, Self.chart(group.members, "p99", \.p99)),
            ]
        }
    }

    private static func chart(
        _ members: [Measurement], _ value: String, _ path: KeyPath<Summary, Double>
    ) -> Chart {
        let first = members[0]
        let cases = first.results.map(\.case)
        return Chart(
            title: "\(first.what), \(first.variant)\(value.isEmpty ? "" : ", \(value)")",
            xLabel: first.parameter?.name ?? "", unit: first.unit,
            curves: cases.map { one in
                Chart.Curve(
                    name: one.rawValue, style: Case.mechanisms.firstIndex(of: one) ?? 0,
                    points: members.compactMap { member in
                        guard let x = member.parameter?.value,
                            let result = member.results.first(where: { $0.case == one })
                        else { return nil }
                        return (x, result.summary[keyPath: path])
                    })
            })
    }

    /// Small letters, digits and dashes.
    private static func word(_ text: String) -> String {
        let letters = text.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
        return String(letters).split(separator: "-").joined(separator: "-")
    }
}
