import ArgumentParser
import CWeirBench
import Glibc

/// What `weir bench` starts: a load generator, a server, or a program in a place.
struct BenchProcessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "bench-process", shouldDisplay: false)

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

    func run() throws {
        var pointers: [UnsafeMutablePointer<CChar>?] = (["bench-process"] + arguments).map { strdup($0) } + [nil]
        throw ExitCode(weir_bench_process(Int32(pointers.count - 1), &pointers))
    }
}
