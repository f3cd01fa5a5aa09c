import CWeirBench
import WeirCore

/// Measures the sides in turn: a round has a slice of each, so that what disturbs the machine falls on all. Every other
/// round goes backwards, so that no side is always the one after another.
final class Contest {
    typealias Target = (Site.Side, Family) throws -> Endpoint

    let sides: [Site.Side]
    private let site: Site
    private let progress: Progress
    /// Of each side one process a family.
    private let workers: [[Worker]]
    /// What the progress says before the round.
    var title: String
    /// Connections of each side that nobody answered, since the last results.
    private var timeouts: [Int]
    /// Of the suite that is over before this, and its share.
    var part = 0.0...0.0

    /// - Parameter sides: nil for all of the site.
    init(_ site: Site, _ progress: Progress, title: String, sides: [Site.Side]? = nil) throws {
        self.site = site
        self.progress = progress
        self.title = title
        self.sides = sides ?? site.sides
        timeouts = self.sides.map { _ in 0 }
        workers = try self.sides.map { side in
            try Family.allCases.map { _ in try site.worker(side, on: Processors.clients) }
        }
    }

    /// Blocks of connections one after the other: how long each took to connect, and to the first byte of a response.
    func connections(
        rounds: Int, block: Int, family: Family, to target: Target
    ) throws -> (connect: [Measurement.Result], firstByte: [Measurement.Result]) {
        var connect = sides.map { _ in Tally() }
        var firstByte = connect
        let orders = try sides.map { side in
            var order = weir_bench_order(WEIR_BENCH_CONNECT, to: try target(side, family))
            order.count = UInt32(block)
            return order
        }
        for index in sides.indices { _ = try workers[index][0].run(orders[index]) }
        let cpu = try turns(rounds, family.rawValue) { index, _ in
            let answer = try answers(index, [workers[index][0]], [orders[index]])[0]
            connect[index].add(answer.series.first ?? [])
            firstByte[index].add(answer.series.last ?? [])
            return Double(answer.operations)
        }
        return (results(connect, cpu), results(firstByte, cpu))
    }

    /// Connections that several processes make as fast as they go, half of them of each family, in a second.
    func connectionRate(rounds: Int, milliseconds: Int, to target: Target) throws -> [Measurement.Result] {
        var tallies = sides.map { _ in Tally() }
        let cpu = try turns(rounds, "rate") { index, _ in
            let orders = try Family.allCases.map { family in
                var order = weir_bench_order(WEIR_BENCH_CONNECT, to: try target(sides[index], family))
                order.milliseconds = UInt32(milliseconds)
                return order
            }
            let answers = try answers(index, workers[index], orders)
            tallies[index].add(answers.reduce(0) { $0 + Double($1.operations) / $1.elapsed })
            return answers.reduce(0) { $0 + Double($1.operations) }
        }
        return results(tallies, cpu)
    }

    /// Requests of 128 bytes, and responses of as many, on open connections.
    /// - Parameters:
    ///   - connections: half of them of each family; an odd one is IPv4.
    ///   - pace: requests a second over all of them; nil: as many as go.
    func requests(
        rounds: Int, milliseconds: Int, connections: Int, pace: Double? = nil, to target: Target
    ) throws -> (latency: [Measurement.Result], rate: [Measurement.Result]) {
        var latency = sides.map { _ in Tally() }
        var rate = latency
        let shares = [(connections + 1) / 2, connections / 2]
        let cpu = try turns(rounds, pace.map { "\(Int($0)) requests/s" } ?? "as fast as it goes") { index, _ in
            let orders = try shares.indices.filter { shares[$0] > 0 }.map { number in
                var order = weir_bench_order(
                    WEIR_BENCH_REQUEST, to: try target(sides[index], Family.allCases[number]))
                order.connections = UInt32(shares[number])
                order.milliseconds = UInt32(milliseconds)
                order.size = 128
                if let pace { order.interval_ns = UInt64(1e9 * Double(connections) / (pace * Double(shares[number]))) }
                return order
            }
            let answers = try answers(index, workers[index], orders)
            latency[index].add(round: answers.flatMap { $0.series.first ?? [] }, isPaced: pace != nil)
            let operations = answers.reduce(0) { $0 + Double($1.operations) }
            rate[index].add(operations / (answers.map(\.elapsed).max() ?? 1))
            return operations
        }
        return (results(latency, cpu), results(rate, cpu))
    }

    /// Bytes a second on one connection, whose family alternates; processor time for a megabyte.
    func stream(rounds: Int, milliseconds: Int, size: Int, to target: Target) throws -> [Measurement.Result] {
        var tallies = sides.map { _ in Tally() }
        let cpu = try turns(rounds, "writes of \(size) bytes") { index, round in
            let family = Family.allCases[round / 2 % 2]
            var order = weir_bench_order(WEIR_BENCH_STREAM, to: try target(sides[index], family))
            order.size = UInt32(size)
            order.milliseconds = UInt32(milliseconds)
            let answer = try answers(index, [workers[index][0]], [order])[0]
            tallies[index].add(Double(answer.bytes) / answer.elapsed)
            return Double(answer.bytes) / 1e6
        }
        return results(tallies, cpu)
    }

    /// Opens so many connections on one side, half of them of each family, in place of those that it held.
    func hold(_ count: Int, on index: Int, to target: Target) throws {
        let orders = try Family.allCases.map { family in
            var order = weir_bench_order(WEIR_BENCH_HOLD, to: try target(sides[index], family))
            order.connections = UInt32(count / 2)
            return order
        }
        _ = try answers(index, workers[index], orders)
    }

    /// Has workers of one side work at the same time.
    private func answers(
        _ index: Int, _ workers: [Worker], _ orders: [weir_bench_order]
    ) throws -> [Worker.Answer] {
        for (worker, order) in zip(workers, orders) { try worker.begin(order) }
        let answers = try zip(workers, orders).map { worker, _ in try worker.answer() }
        timeouts[index] += answers.reduce(0) { $0 + $1.timeouts }
        return answers
    }

    /// - Parameter body: one side's slice of a round; it says how many operations that was.
    /// - Returns: microseconds of processor time an operation, side by side; nil where it is not known.
    private func turns(_ rounds: Int, _ what: String, _ body: (Int, Int) throws -> Double) throws -> [Double?] {
        let begin = sides.map(\.cgroup.cpu)
        var operations = sides.map { _ in 0.0 }
        for round in 0..<rounds {
            let share = part.lowerBound + (part.upperBound - part.lowerBound) * Double(round) / Double(rounds)
            progress.step("\(title), \(what), round \(round + 1) of \(rounds)", share)
            for index in round % 2 == 0 ? Array(sides.indices) : sides.indices.reversed() {
                try site.interruption.check()
                operations[index] += try body(index, round)
            }
        }
        return sides.indices.map { index in
            let used = sides[index].cgroup.cpu - begin[index]
            return operations[index] > 0 && used > 0 ? used * 1e6 / operations[index] : nil
        }
    }

    private func results(_ tallies: [Tally], _ cpu: [Double?]) -> [Measurement.Result] {
        defer { timeouts = sides.map { _ in 0 } }
        return sides.indices.compactMap { index in
            var result = tallies[index].result(sides[index].case, cpu: cpu[index])
            result?.timeouts = timeouts[index]
            return result
        }
    }
}
