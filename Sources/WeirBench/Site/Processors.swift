import CWeirBench

/// The processors that this process may run on. Where threads run decides more about a round trip than what is measured
/// here, so one half has the client and its sidecar, the other the server and its.
enum Processors {
    static let available: [Int] = {
        var list = [Int32](repeating: 0, count: 1024)
        let count = weir_bench_processors(&list, Int32(list.count))
        return list.prefix(Int(count)).map(Int.init)
    }()

    static var clients: [Int] { Array(available.prefix((available.count + 1) / 2)) }
    static var servers: [Int] { available.count > 1 ? Array(available.dropFirst(clients.count)) : available }
}
