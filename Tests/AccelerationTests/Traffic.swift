import Foundation
import TestSupport

/// One end's counts of `weir-exercise traffic`.
struct TrafficCounts: Decodable, CustomStringConvertible {
    let connections, completed, aborted, sent, received, messages: Int
    let differences, truncated, errors, hanging: Int
    let first: String?

    var isFlawless: Bool { differences == 0 && truncated == 0 && errors == 0 && hanging == 0 }

    var description: String {
        "\(connections) connections (\(completed) completed, \(aborted) aborted), \(messages) messages, "
            + "\(sent >> 20) MiB sent, \(received >> 20) MiB received, \(differences) differences, "
            + "\(truncated) truncated, \(errors) errors, \(hanging) hanging" + (first.map { ": \($0)" } ?? "")
    }
}

/// Connections from one place to another, both ways, with every byte checked.
struct Traffic: CustomStringConvertible {
    /// `struct plan` of traffic.c, a connection's first bytes.
    static let planBytes = 40

    let calling, called: TrafficCounts

    var description: String { "caller \(calling); called \(called)" }

    static func run(
        to destination: String, listeningOn port: Int, from client: Place, at server: Place, seconds: Int,
        connections: Int = 200, aborts: Bool = false
    ) throws -> Traffic {
        let exercise = try Programs.exercise.get()
        let options = ["--seconds", "\(seconds)", "--connections", "\(connections)"] + (aborts ? ["--aborts"] : [])
        let server = try ChildProcess([exercise, "traffic", "--port", "\(port)"], in: server)
        try server.waitForLine("ready")
        let client = try ChildProcess([exercise, "traffic", destination] + options, in: client)
        let calling = try client.wait(limit: Double(seconds) + 60)
        let called = server.stopGently()
        return Traffic(calling: try decode(calling), called: try decode(called))
    }

    static func decode<T: Decodable>(_ result: ChildProcess.Output) throws -> T {
        guard let line = result.output.split(separator: "\n").last(where: { $0.hasPrefix("{") }),
            let value = try? JSONDecoder().decode(T.self, from: Data(line.utf8))
        else { throw TestError("weir-exercise printed no \(T.self)", output: result.output + result.errors) }
        if !result.errors.isEmpty { print(result.errors) }
        return value
    }
}

extension ChildProcess {
    /// Asks it to end, and gives it the time to find out that a connection hangs.
    func stopGently() -> Output {
        signal(SIGTERM)
        _ = try? wait(limit: 60)
        return stop()
    }
}
