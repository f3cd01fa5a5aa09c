import Glibc
import WeirNFT

/// Tools of the system, run to their end.
enum System {
    private static let folders = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin", "/usr/local/bin"]

    static func find(_ name: String) -> String? { Tool.find(name, folders) }

    /// - Parameter package: what to install where the tool is missing.
    @discardableResult
    static func run(_ arguments: [String], input: String = "", package: String) throws -> String {
        guard let name = arguments.first, let path = find(name) else {
            throw BenchError("\(arguments.first ?? "a tool") is not installed; install the package \(package)")
        }
        return try run(path: path, Array(arguments.dropFirst()), input: input)
    }

    /// A program by its path.
    @discardableResult
    static func run(path: String, _ arguments: [String], input: String = "") throws -> String {
        let result = try Tool.run([path] + arguments, input: input)
        guard result.status == 0 else {
            let said = result.errors.split(separator: "\n").first.map(String.init) ?? "status \(result.status)"
            throw BenchError("\(path) \(arguments.prefix(7).joined(separator: " ")) failed: \(said)")
        }
        return result.output
    }

    /// A whole small file; nil when it cannot be read.
    static func read(_ path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&part, 1, part.count, file), count > 0 { bytes += part[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
