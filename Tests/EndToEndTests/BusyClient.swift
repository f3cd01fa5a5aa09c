import Foundation
import TestSupport

/// A client that goes on while a test changes things: `Tests/Fixtures/busy.py`.
final class BusyClient: Sendable {
    enum Kind: String { case hold, make }

    struct Held: Decodable {
        let rounds: Int
        let error: String?
    }

    let process: ChildProcess

    init(_ kind: Kind, to destination: Endpoint, in place: Place) throws {
        process = try ChildProcess(
            [
                "/usr/bin/python3", Workspace.fixture("busy.py"), kind.rawValue, destination.address,
                "\(destination.port)",
            ],
            in: place)
        try process.waitForLine("started")
    }

    /// The last hundred of rounds it told of.
    var rounds: Int { process.output.split(separator: "\n").compactMap { Int($0) }.last ?? 0 }

    /// Waits until it has got further than it was.
    func waitForProgress() -> Bool {
        let before = rounds
        return Eventually.value { rounds > before + 100 ? true : nil } ?? false
    }

    func finishHolding() throws -> Held { try finish() }

    /// How often whom was reached, with which origin.
    func finishMaking() throws -> [String: Int] { try finish() }

    private func finish<T: Decodable>() throws -> T {
        let result = process.stop()
        let last = result.output.split(separator: "\n").last ?? ""
        do {
            return try JSONDecoder().decode(T.self, from: Data(last.utf8))
        } catch {
            throw TestError("busy.py did not print what it saw: \(error)", output: result.output + result.errors)
        }
    }
}
