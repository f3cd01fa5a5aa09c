import Foundation
import Synchronization

/// The directory of this test process, `/tmp/weir-test-<pid>`: readable to every user, gone when the process exits.
///
/// Everything that the tests leave in the system carries the process id in its name, so that a later run can tell
/// what a killed run left behind (`Leftovers`).
public enum Workspace {
    public static let prefix = "weir-test-"

    /// `weir-test-<pid>-`, what every namespace and cgroup of this process begins with.
    public static var ownPrefix: String { "\(prefix)\(getpid())-" }

    private static let counter = Mutex(0)

    private static let directory: String = {
        Leftovers.sweep()
        let path = "/tmp/\(prefix)\(getpid())"
        mkdir(path, 0o755)
        chmod(path, 0o755)
        atexit { Leftovers.removeOwn() }
        return path
    }()

    /// A number that is used once in this process.
    static func nextNumber() -> Int {
        _ = directory
        return counter.withLock {
            $0 += 1
            return $0
        }
    }

    /// A path that nothing else uses; `name` keeps it readable.
    public static func newPath(_ name: String) -> String {
        "\(directory)/\(nextNumber())-\(name)"
    }

    /// Writes a file that every user may read and write (proxies under test log into such).
    @discardableResult
    public static func write(_ name: String, _ text: String = "") throws -> String {
        let path = newPath(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        chmod(path, 0o666)
        return path
    }

    /// Copies a file of `Tests/Fixtures` to where every user may read it.
    public static func fixture(_ name: String) throws -> String {
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/\(name)").path
        return try copy(source, as: name)
    }

    static func copy(_ source: String, as name: String) throws -> String {
        let folder = newPath("files")
        mkdir(folder, 0o755)
        let path = "\(folder)/\(name)"
        try FileManager.default.copyItem(atPath: source, toPath: path)
        chmod(path, 0o755)
        return path
    }

    public static func read(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
