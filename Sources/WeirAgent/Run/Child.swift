import Glibc
import Synchronization
import WeirBPF

/// A process that is started and waited for on one thread of its own: the child asks to be killed when its parent's
/// thread ends (PR_SET_PDEATHSIG), and threads of a pool end when they idle.
final class Child: Sendable {
    private let arguments: [String]
    private let pid = Mutex<pid_t?>(nil)

    /// - Parameter arguments: argv; the first is the path of the executable.
    init(_ arguments: [String]) {
        self.arguments = arguments
    }

    /// Starts it and waits for its end.
    /// - Returns: the status as waitpid(2) gives it.
    func status() async throws -> Int32 {
        return try await withCheckedThrowingContinuation { continuation in
            Thread.start {
                continuation.resume(with: Result { () throws(BPFError) in try self.run() })
            }
        }
    }

    /// Sends a signal to it while it runs.
    func signal(_ number: Int32) {
        pid.withLock { if let pid = $0 { kill(pid, number) } }
    }

    private func run() throws(BPFError) -> Int32 {
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var started: pid_t = 0
        let error = posix_spawn(&started, arguments[0], nil, nil, &pointers, environ)
        if error != 0 { throw BPFError(code: error, operation: "start", subject: arguments[0]) }
        pid.withLock { $0 = started }
        var status: Int32 = 0
        while waitpid(started, &status, 0) < 0 && errno == EINTR {}
        pid.withLock { $0 = nil }
        return status
    }
}
