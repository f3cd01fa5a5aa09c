import CWeirBench
import Glibc
import WeirCore

/// A load generator that waits for orders.
final class Worker {
    struct Answer {
        var operations = 0
        var bytes = 0
        /// Seconds.
        var elapsed = 0.0
        /// Connections that nobody answered.
        var timeouts = 0
        /// Nanoseconds; of `connect` two series, time to connect and to the first byte.
        var series: [[UInt32]] = []
    }

    private let process: LoadProcess
    private let name: String

    /// - Parameter name: for whom it works, for messages.
    init(_ name: String, in place: LoadProcess.Place, interruption: Interruption) throws {
        self.name = name
        process = try LoadProcess(["worker"], in: place, interruption: interruption)
    }

    /// Gives an order; its answer has to be read before the next.
    func begin(_ order: weir_bench_order) throws {
        try withUnsafeBytes(of: order) { try process.write($0) }
    }

    func answer() throws -> Answer {
        var answer = weir_bench_answer()
        try withUnsafeMutableBytes(of: &answer) { try process.read(into: $0) }
        var result = Answer(
            operations: Int(answer.operations), bytes: Int(answer.bytes), elapsed: Double(answer.elapsed_ns) / 1e9,
            timeouts: Int(answer.timeouts))
        for _ in 0..<answer.series {
            var samples = [UInt32](repeating: 0, count: Int(answer.samples))
            try samples.withUnsafeMutableBytes { try process.read(into: $0) }
            result.series.append(samples)
        }
        let problem = withUnsafeBytes(of: answer.problem) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        guard problem.isEmpty else { throw BenchError("the load generator of \(name) cannot go on: \(problem)") }
        return result
    }

    func run(_ order: weir_bench_order) throws -> Answer {
        try begin(order)
        return try answer()
    }

    /// Until it can be carried out, half a minute at most.
    func retry(_ order: weir_bench_order, _ failure: String) throws {
        let end = Clock.now + 30
        while true {
            do {
                _ = try run(order)
                return
            } catch let error as BenchError {
                guard Clock.now < end else { throw BenchError("\(failure): \(error)") }
                usleep(50_000)
            }
        }
    }
}

extension weir_bench_order {
    init(_ kind: weir_bench_kind, to endpoint: Endpoint) {
        self.init()
        self.kind = kind.rawValue
        port = UInt32(endpoint.port)
        withUnsafeMutableBytes(of: &address) { $0.copyBytes(from: endpoint.address.bytes) }
        size = 1
    }
}
