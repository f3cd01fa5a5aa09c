import Foundation

/// Processes that are not this one's children.
public enum Processes {
    /// A zombie does not run, although its parent may be slow to say so: its sockets are closed, once its other threads
    /// have ended, too (proc(5), field 20).
    public static func isRunning(_ pid: Int32) -> Bool {
        let fields = Workspace.read("/proc/\(pid)/stat").split(separator: ")").last?.split(separator: " ")
        guard let fields, fields.count > 17 else { return false }
        return !["Z", "X"].contains(fields[0]) || (fields[0] == "Z" && fields[17] != "1")
    }

    /// Kills it, and waits for its end.
    public static func kill(_ pid: Int32) throws {
        Foundation.kill(pid, SIGKILL)
        if Eventually.value({ isRunning(pid) ? nil : true }) == nil { throw TestError("process \(pid) does not end") }
    }
}
