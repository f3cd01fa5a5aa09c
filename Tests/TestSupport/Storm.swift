import Foundation

/// One `weir-exercise storm`, and its counts.
public struct Storm: Decodable, Sendable, CustomStringConvertible {
    public let attempted, ok, wrongOrigin, lostOrigin, established, refused, reset, timedOut, aborted: Int
    public let dropped, errors, unfinished, peakOpen, milliseconds: Int
    public let lastError: String?

    public var description: String {
        "\(attempted) attempted, \(established) established (\(peakOpen) at once), \(ok) right, \(wrongOrigin) wrong, "
            + "\(lostOrigin) lost, \(refused) refused, \(reset) reset, \(timedOut) timed out, \(aborted) aborted, "
            + "\(dropped) dropped, \(errors) errors, \(milliseconds) ms"
    }

    public enum Mode: String, CaseIterable, Sendable { case storm, reset, refused, abort, timeout }

    /// Starts one to `10.200.0.0/16`, or `fd00:200::/112`, each connection to a destination of its own.
    public static func start(
        _ mode: Mode, connections: Int, open: Int, family: Family = .ipv4, processes: Int = 2, in place: Place
    ) throws -> ChildProcess {
        try ChildProcess(
            [
                Programs.exercise.get(), "storm", "--mode", mode.rawValue,
                "--to", family == .ipv4 ? "10.200.0.0/16" : "fd00:200::/112", "--ports", "1000-1099",
                "--connections", String(connections), "--open", String(open), "--processes", String(processes),
                "--seconds", "300",
            ], in: place)
    }

    public static func finish(_ process: ChildProcess) throws -> Storm {
        try decode(process.wait(limit: 400))
    }

    static func decode<T: Decodable>(_ result: ChildProcess.Output) throws -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let text = result.output.split(separator: "\n").last { $0.hasPrefix("{") } ?? ""
        do {
            return try decoder.decode(T.self, from: Data(text.utf8))
        } catch {
            throw TestError("weir-exercise said what is no \(T.self): \(error)", output: result.output + result.errors)
        }
    }
}

/// The stub proxy of the storm.
public final class StormServer: Sendable {
    public struct Counts: Decodable, Sendable, CustomStringConvertible {
        public let accepted, match, wrong, lost, silent, silentLost, failedReads: Int
        public let wrongExample: String?

        public var description: String {
            "\(accepted) accepted, \(match) right, \(wrong) wrong, \(lost) lost, \(silent) silent"
        }
    }

    private let process: ChildProcess

    /// `stall`: it never answers a SYN.
    public init(port: Int = 15001, workers: Int = 3, stall: Bool = false, in place: Place) throws {
        let options = ["--port", String(port), "--workers", String(workers)] + (stall ? ["--stall"] : [])
        process = try ChildProcess([Programs.exercise.get(), "storm-server"] + options, in: place)
        try process.waitForLine("ready")
    }

    public func finish() throws -> Counts { try Storm.decode(process.stop()) }
}
