import Glibc
import WeirBPF

/// A process that is started and waited for on one thread of its own: the child asks to be killed when its parent's
/// thread ends (PR_SET_PDEATHSIG), and threads of a pool end when they idle.
struct Child: Sendable {
    private let arguments: [String]

    /// - Parameter arguments: argv; the first is the path of the executable.
    init(_ arguments: [String]) {
        self.arguments = arguments
    }

    /// Starts it and waits for its end.
    /// - Returns: the status as waitpid(2) gives it.
    func status() async throws -> Int32 {
        let arguments = arguments
        return try await withCheckedThrowingContinuation { continuation in
            Thread.start {
                continuation.resume(with: Result { () throws(BPFError) in try Self.run(arguments) })
            }
        }
    }

    private static func run(_ arguments: [String]) throws(BPFError) -> Int32 {
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, arguments[0], nil, nil, &pointers, environ)
        if error != 0 { throw BPFError(code: error, operation: "start", subject: arguments[0]) }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return status
    }
}
