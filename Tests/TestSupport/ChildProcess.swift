import Foundation
import Synchronization

/// A process that a test started. It dies with the test process, and with this object.
///
/// What it prints goes to files, so it never waits for a reader, and a failed test can show all of it.
public final class ChildProcess: Sendable {
    public struct Output: Sendable {
        /// The exit code, or 128 + the signal that ended it.
        public let status: Int32
        public let output: String
        public let errors: String
        let outputPath: String

        /// Standard output byte for byte.
        public var bytes: [UInt8] { [UInt8](FileManager.default.contents(atPath: outputPath) ?? Data()) }
    }

    public enum Stream: Sendable { case output, errors }

    /// The command's own id: `weir-exercise in` becomes the command.
    public let pid: Int32
    public let arguments: [String]
    private let outputPath: String
    private let errorsPath: String
    private let status = Mutex<Int32?>(nil)

    public init(
        _ arguments: [String], in place: Place = .here, input: String = "/dev/null",
        environment: [String: String] = [:]
    ) throws {
        let name = URL(fileURLWithPath: arguments[0]).lastPathComponent
        outputPath = try Workspace.write("\(name).out")
        errorsPath = try Workspace.write("\(name).err")
        self.arguments = arguments
        let descriptors = [
            open(input, O_RDONLY | O_CLOEXEC), open(outputPath, O_WRONLY | O_APPEND | O_CLOEXEC),
            open(errorsPath, O_WRONLY | O_APPEND | O_CLOEXEC),
        ]
        defer { for descriptor in descriptors { close(descriptor) } }
        let base = ["PATH": Programs.searchPath, "HOME": "/tmp", "LANG": "C.UTF-8"]
        pid = try Spawner.shared.spawn(
            .init(
                arguments: try place.prefix() + arguments,
                environment: base.merging(environment) { $1 }.map { "\($0)=\($1)" }, descriptors: descriptors))
    }

    deinit { _ = stop(SIGKILL) }

    public var output: String { Workspace.read(outputPath) }
    public var errors: String { Workspace.read(errorsPath) }

    /// The status when it has ended; never waits.
    public func poll() -> Int32? {
        status.withLock { status in
            var raw: Int32 = 0
            if status == nil, waitpid(pid, &raw, WNOHANG) == pid {
                status = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
            }
            return status
        }
    }

    public func signal(_ number: Int32) {
        if poll() == nil { kill(pid, number) }
    }

    /// Waits for its end. The limit only bounds a test that hangs.
    public func wait(limit seconds: Double = 120) throws -> Output {
        guard let status = Eventually.value(within: seconds, { poll() }) else {
            throw TestError("\(arguments.joined(separator: " ")) did not end in \(seconds) s", output: output + errors)
        }
        return Output(status: status, output: output, errors: errors, outputPath: outputPath)
    }

    /// Ends it, with SIGTERM unless another signal is given, and waits for the end.
    @discardableResult
    public func stop(_ number: Int32? = nil) -> Output {
        signal(number ?? SIGTERM)
        if Eventually.value({ poll() }) == nil {
            signal(SIGKILL)
            _ = Eventually.value { poll() }
        }
        return Output(status: poll() ?? -1, output: output, errors: errors, outputPath: outputPath)
    }

    /// Waits until it has printed a line that contains the text, and returns that line.
    @discardableResult
    public func waitForLine(_ text: String, in stream: Stream = .output, limit seconds: Double = 60) throws -> String {
        let line = Eventually.value(within: seconds) { () -> String?? in
            let ended = poll() != nil
            var lines = (stream == .output ? output : errors).split(separator: "\n", omittingEmptySubsequences: false)
            // What follows the last newline is not a whole line yet.
            if !ended { lines.removeLast() }
            if let line = lines.first(where: { $0.contains(text) }) { return .some(String(line)) }
            return ended ? .some(nil) : nil
        }
        guard case .some(.some(let found)) = line else {
            throw TestError("\(arguments.joined(separator: " ")) did not say '\(text)'", output: output + errors)
        }
        return found
    }

    /// Waits until somebody in its network namespace listens on these TCP ports, in both families.
    public func waitToListen(on ports: [Int]) throws {
        let ready: Bool? = Eventually.value {
            if poll() != nil { return false }
            let both = ["tcp", "tcp6"].allSatisfy { table in
                let listening = Self.listeningPorts(Workspace.read("/proc/\(pid)/net/\(table)"))
                return ports.allSatisfy(listening.contains)
            }
            return both ? true : nil
        }
        guard ready == true else {
            throw TestError("\(arguments.joined(separator: " ")) does not listen", output: output + errors)
        }
    }

    /// From lines such as `0: 00000000:3A99 00000000:0000 0A ...`: 0A is LISTEN.
    private static func listeningPorts(_ table: String) -> Set<Int> {
        Set(
            table.split(separator: "\n").compactMap { line in
                let fields = line.split(separator: " ")
                guard fields.count > 3, fields[3] == "0A" else { return nil }
                return fields[1].split(separator: ":").last.flatMap { Int($0, radix: 16) }
            })
    }
}
