import WeirCore

/// Columns of text: headings in capitals, two spaces between, numbers to the right.
public struct Table {
    private let headings: [String]
    private let numeric: Set<Int>
    private var rows: [[String]] = []

    /// - Parameter numeric: indices of the columns to align right.
    public init(_ headings: [String], numeric: Set<Int> = []) {
        self.headings = headings
        self.numeric = numeric
    }

    public mutating func add(_ cells: [String]) { rows.append(cells.map(\.printable)) }

    public var isEmpty: Bool { rows.isEmpty }

    /// Without a trailing newline.
    public var text: String {
        let all = [headings.map { $0.uppercased() }] + rows
        let widths = headings.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = row.enumerated().map { column, cell in
                let pad = String(repeating: " ", count: widths[column] - cell.count)
                return numeric.contains(column) ? pad + cell : cell + pad
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}

/// Sizes and times as people read them.
public enum Quantity {
    /// "0 B", "1.5 kB", "12 MB": powers of 1000.
    public static func bytes(_ count: UInt64) -> String {
        if count < 1000 { return "\(count) B" }
        var value = Double(count)
        for unit in ["kB", "MB", "GB", "TB", "PB"] {
            value /= 1000
            if value < 999.5 || unit == "PB" { return "\(rounded(value)) \(unit)" }
        }
        return "\(count) B"
    }

    /// "12 s", "3 min", "5 h", "2 d".
    public static func age(seconds: Double) -> String {
        switch seconds {
        // A clock that was set anew, or an answer that is none.
        case _ where !(seconds < 1e12): "-"
        case ..<120: "\(Int(max(0, seconds))) s"
        case ..<7200: "\(Int(seconds / 60)) min"
        case ..<172_800: "\(Int(seconds / 3600)) h"
        default: "\(Int(seconds / 86400)) d"
        }
    }

    private static func rounded(_ value: Double) -> String {
        value >= 9.95 ? "\(Int(value.rounded()))" : "\((value * 10).rounded() / 10)"
    }
}
