import Histogram

/// What a set of samples comes to, in the unit of its measurement.
public struct Summary: Codable, Sendable, Equatable {
    public var count: Int
    public var mean: Double
    public var min: Double
    public var p50: Double
    public var p90: Double
    public var p99: Double
    public var p999: Double
    public var max: Double
}

/// Samples of time in an HdrHistogram of three digits, from a nanosecond to a minute.
struct Recorder {
    private var histogram = Histogram<UInt64>(
        highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)

    /// - Parameter interval: nanoseconds between the requests of one connection when nothing is late; samples that are
    ///   longer then stand for those that they kept from being sent, too (coordinated omission). Nil for samples that
    ///   count from when a request was due.
    mutating func record(_ samples: [UInt32], interval: Double? = nil) {
        for sample in samples {
            if let interval {
                histogram.recordCorrectedValue(UInt64(sample), expectedInterval: UInt64(interval))
            } else {
                histogram.record(UInt64(sample))
            }
        }
    }

    mutating func add(_ other: Recorder) { histogram.add(other.histogram) }

    /// Nil: nothing was recorded.
    var summary: Summary? {
        guard histogram.totalCount > 0 else { return nil }
        func at(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) }
        return Summary(
            count: Int(histogram.totalCount), mean: histogram.mean, min: Double(histogram.min), p50: at(50),
            p90: at(90),
            p99: at(99), p999: at(99.9), max: Double(histogram.max))
    }
}

extension Summary {
    /// Of values that are few and no times; percentiles by the nearest rank. Nil: there are none.
    init?(values: [Double]) {
        let sorted = values.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        func at(_ part: Double) -> Double {
            sorted[Swift.min(sorted.count - 1, Int((part * Double(sorted.count)).rounded(.up)) - 1)]
        }
        self.init(
            count: sorted.count, mean: sorted.reduce(0, +) / Double(sorted.count), min: first, p50: Median.of(sorted),
            p90: at(0.9), p99: at(0.99), p999: at(0.999), max: last)
    }
}

enum Median {
    /// - Parameter values: not empty; in any order.
    static func of(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    static func of(_ samples: [UInt32]) -> Double {
        let sorted = samples.sorted()
        return sorted.isEmpty ? 0 : Double(sorted[sorted.count / 2])
    }
}
