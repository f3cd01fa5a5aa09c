import Foundation

/// The built `weir`, run as a user would.
public enum Weir {
    /// Runs a command that reads, with `-o json`, and decodes what it prints.
    public static func read<T: Decodable>(_ type: T.Type = T.self, _ arguments: [String]) throws -> T {
        let result = try run(arguments + ["-o", "json"])
        guard let value = try? JSONDecoder().decode(T.self, from: Data(result.output.utf8)) else {
            throw TestError("weir \(arguments.joined(separator: " ")) printed no \(T.self)", output: result.output)
        }
        return value
    }

    /// Runs a command to its end; the status is the caller's to judge.
    public static func run(_ arguments: [String], in place: Place = .here) throws -> ChildProcess.Output {
        try Command.output([Programs.weir.get()] + arguments, in: place)
    }

    /// Starts a command that stays.
    public static func start(_ arguments: [String], in place: Place = .here) throws -> ChildProcess {
        try ChildProcess([Programs.weir.get()] + arguments, in: place)
    }
}
