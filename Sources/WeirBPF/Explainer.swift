public import CWeirABI
import CWeirBPF
import Glibc

extension Interceptor {
    /// Asks the kernel what it would decide about an attempt.
    /// - Returns: the attempt with its `out` fields filled.
    public func explain(_ attempt: weir_attempt) throws(BPFError) -> weir_attempt {
        guard let pins else {
            throw BPFError(code: ENOENT, operation: "find", subject: "weir_explain of a private installation")
        }
        let program = try pins.open("programs/weir_explain")
        defer { close(program) }
        var attempt = attempt
        var result: UInt32 = 0
        let error = weir_program_run(program, &attempt, UInt32(MemoryLayout<weir_attempt>.size), &result)
        try check(error, "run", "weir_explain")
        if result != 0 { throw BPFError(code: EPROTO, operation: "read the answer of", subject: "weir_explain") }
        return attempt
    }
}
