import Glibc

/// A curve for each case, as SVG. Its colours follow the reader's light or dark mode, and lines differ in their marks as
/// well, so that they can be told apart in print.
struct Chart {
    struct Curve {
        var name: String
        var style: Int
        var points: [(x: Double, y: Double)]
    }

    var title: String
    var xLabel: String
    var unit: Measurement.Unit
    var curves: [Curve]

    private static let width = 660.0
    private static let height = 340.0
    private static let line = 16.0
    private static let plot = (left: 78.0, right: 500.0, top: 40.0, bottom: 290.0)

    static let style = """
        .weir-chart text { font: 12px system-ui, sans-serif; fill: #24292f; }
        .weir-chart .title { font-weight: 600; font-size: 14px; }
        .weir-chart .grid { stroke: #d0d7de; stroke-width: 1; fill: none; }
        .weir-chart .curve { fill: none; stroke-width: 2; }
        .weir-chart .c0 { stroke: #6e7781; fill: #6e7781; } .weir-chart .c1 { stroke: #cf222e; fill: #cf222e; }
        .weir-chart .c2 { stroke: #9a6700; fill: #9a6700; } .weir-chart .c3 { stroke: #0969da; fill: #0969da; }
        .weir-chart .c4 { stroke: #1a7f37; fill: #1a7f37; } .weir-chart .c5 { stroke: #8250df; fill: #8250df; }
        .weir-chart .curve { fill: none; }
        @media (prefers-color-scheme: dark) {
          .weir-chart text { fill: #e6edf3; } .weir-chart .grid { stroke: #30363d; }
          .weir-chart .c0 { stroke: #9198a1; fill: #9198a1; } .weir-chart .c1 { stroke: #ff7b72; fill: #ff7b72; }
          .weir-chart .c2 { stroke: #d29922; fill: #d29922; } .weir-chart .c3 { stroke: #58a6ff; fill: #58a6ff; }
          .weir-chart .c4 { stroke: #3fb950; fill: #3fb950; } .weir-chart .c5 { stroke: #bc8cff; fill: #bc8cff; }
          .weir-chart .curve { fill: none; }
        }
        @media print {
          .weir-chart text { fill: #000; } .weir-chart .grid { stroke: #ccc; }
        }
        """

    /// - Parameter isAlone: whether it is a file of its own, and so brings its style.
    func svg(isAlone: Bool) -> String {
        let x = Axis(
            curves.flatMap { $0.points.map(\.x) }, from: Self.plot.left, to: Self.plot.right, hasTicksAtValues: true)
        let y = Axis(curves.flatMap { $0.points.map(\.y) }, from: Self.plot.bottom, to: Self.plot.top)
        var lines = [
            "<svg class=\"weir-chart\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" "
                + "viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" aria-label=\"\(Self.escape(title))\">"
        ]
        if isAlone { lines.append("<style>\(Self.style)</style>") }
        lines.append(Self.text(title, Self.plot.left, 20, "start", "title"))
        for tick in y.ticks {
            let at = Self.number(y.position(tick))
            lines.append("<path class=\"grid\" d=\"M\(Int(Self.plot.left)) \(at)H\(Int(Self.plot.right))\"/>")
            lines.append(
                Self.text(tick == 0 ? "0" : Figure.text(tick, unit), Self.plot.left - 6, y.position(tick) + 4, "end"))
        }
        for tick in x.ticks {
            let at = Self.number(x.position(tick))
            lines.append("<path class=\"grid\" d=\"M\(at) \(Int(Self.plot.bottom))v5\"/>")
            lines.append(Self.text(Figure.fixed(tick, 0), x.position(tick), Self.plot.bottom + 19, "middle"))
        }
        lines.append(Self.text(xLabel, (Self.plot.left + Self.plot.right) / 2, Self.plot.bottom + 40, "middle"))
        lines += curves.flatMap { draw($0, x, y) } + legend(y)
        return (lines + ["</svg>"]).joined(separator: "\n")
    }

    private func draw(_ curve: Curve, _ x: Axis, _ y: Axis) -> [String] {
        let places = curve.points.map { (x.position($0.x), y.position($0.y)) }
        let path = places.enumerated().map { index, place in
            "\(index == 0 ? "M" : "L")\(Self.number(place.0)) \(Self.number(place.1))"
        }.joined()
        return ["<path class=\"curve c\(curve.style)\" d=\"\(path)\"/>"]
            + places.map { Self.mark(curve.style, $0.0, $0.1) }
    }

    /// The names at the right, from the largest value at the end to the smallest, none over another nor below the plot.
    private func legend(_ y: Axis) -> [String] {
        let entries = curves.compactMap { curve in curve.points.last.map { (curve, y.position($0.y)) } }
            .sorted { $0.1 < $1.1 }
        var places: [Double] = []
        for (_, wanted) in entries { places.append(max(wanted, (places.last ?? -100) + Self.line)) }
        var limit = Self.plot.bottom
        for index in places.indices.reversed() {
            places[index] = min(places[index], limit)
            limit = places[index] - Self.line
        }
        return zip(entries, places).flatMap { entry, at in
            [
                Self.mark(entry.0.style, Self.plot.right + 14, at),
                Self.text(entry.0.name, Self.plot.right + 24, at + 4, "start"),
            ]
        }
    }

    private static func mark(_ style: Int, _ x: Double, _ y: Double) -> String {
        let shapes = [
            "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "M-4-4h8v8h-8z", "M0-5L5 4H-5z", "M0-5L5 0L0 5L-5 0z", "M0 5L5-4H-5z",
            "M-4-2H-2V-4H2V-2H4V2H2V4H-2V2H-4z",
        ]
        let shape = shapes[style % shapes.count]
        return "<path class=\"c\(style)\" transform=\"translate(\(number(x)) \(number(y)))\" d=\"\(shape)\"/>"
    }

    private static func text(
        _ text: String, _ x: Double, _ y: Double, _ anchor: String, _ style: String = ""
    ) -> String {
        "<text class=\"\(style)\" x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\">\(escape(text))</text>"
    }

    private static func number(_ value: Double) -> String { Figure.fixed(value, 1) }

    static func escape(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
    }
}

/// From values to places: logarithmic where the largest value is more than eight times the smallest. A zero, which no
/// logarithm has, stands a step before the smallest.
private struct Axis {
    let ticks: [Double]
    private let low: Double
    private let high: Double
    private let from: Double
    private let to: Double
    private let isLogarithmic: Bool

    init(_ values: [Double], from: Double, to: Double, hasTicksAtValues: Bool = false) {
        self.from = from
        self.to = to
        let positive = values.filter { $0 > 0 }
        let least = positive.min() ?? 1
        let most = positive.max() ?? 1
        isLogarithmic = most / least > 8
        if hasTicksAtValues {
            ticks = Set(values).sorted()
            low = isLogarithmic && values.contains(0) ? least / 3 : values.min() ?? 0
            high = most > low ? most : low + 1
        } else {
            ticks = isLogarithmic ? Self.decades(least, most) : Self.steps(most)
            low = isLogarithmic ? ticks.first ?? least : 0
            high = max(ticks.last ?? most, most)
        }
    }

    func position(_ value: Double) -> Double {
        let part =
            isLogarithmic ? log(max(value, low) / low) / log(high / low) : (value - low) / (high - low)
        return from + (to - from) * part
    }

    /// 1, 2, 5, 10, 20 … around the values.
    private static func decades(_ least: Double, _ most: Double) -> [Double] {
        let first = Int(log10(least).rounded(.down))
        let last = Int(log10(most).rounded(.up))
        let all = (first...last).flatMap { power in [1.0, 2, 5].map { $0 * pow(10, Double(power)) } }
        let start = all.lastIndex { $0 <= least } ?? 0
        let end = all.firstIndex { $0 >= most } ?? all.count - 1
        return Array(all[start...max(start, end)])
    }

    /// From zero in about five round steps.
    private static func steps(_ most: Double) -> [Double] {
        let rough = most / 5
        let power = pow(10, log10(rough).rounded(.down))
        let step = ([1.0, 2, 5, 10].first { $0 * power >= rough } ?? 10) * power
        return (0...Int((most / step).rounded(.up))).map { Double($0) * step }
    }
}
