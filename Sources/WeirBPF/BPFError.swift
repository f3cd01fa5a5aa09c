import Glibc

/// Why the kernel or libbpf refused something: what was done, to what, and what the operator can do about it.
public struct BPFError: Error, Sendable, CustomStringConvertible {
    /// A positive errno.
    public let code: Int32
    /// What was attempted, in the infinitive: "attach".
    public let operation: String
    /// To what: "weir_connect4 to /sys/fs/cgroup".
    public let subject: String
    /// What to do, a sentence without its full stop; empty when the error says it all.
    public let advice: String
    /// Everything libbpf and the verifier said, for `--verbose`.
    public let log: String

    public init(code: Int32, operation: String, subject: String, advice: String? = nil, log: String = "") {
        self.code = code
        self.operation = operation
        self.subject = subject
        self.advice = advice ?? Self.advice(code: code, log: log)
        self.log = log
    }

    public var description: String {
        let reason = Self.verifierLine(in: log).map { "the kernel's verifier says: \($0)" } ?? Self.text(code)
        let sentence = "cannot \(operation) \(subject): \(reason)"
        return advice.isEmpty ? sentence : "\(sentence); \(advice)"
    }

    /// The C library's words for an errno, in lower case as the middle of a sentence.
    public static func text(_ code: Int32) -> String {
        let text = String(cString: strerror(code))
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    private static func advice(code: Int32, log: String) -> String {
        if verifierLine(in: log) != nil {
            return "run again with --verbose for the whole log, and report it with the output of `uname -r`"
        }
        switch code {
        case EPERM: return "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"
        case ENOMEM: return "free memory, or raise RLIMIT_MEMLOCK on kernels before 5.11"
        case ESRCH where log.contains("BTF"), ENOENT where log.contains("BTF"):
            return "the kernel has no BTF: boot one with CONFIG_DEBUG_INFO_BTF=y (/sys/kernel/btf/vmlinux)"
        default: return ""
        }
    }

    /// The last line of the verifier's own words: the one before its statistics. nil when it did not speak.
    static func verifierLine(in log: String) -> String? {
        let lines = log.split(separator: "\n").map(String.init)
        guard let end = lines.lastIndex(where: { $0.hasPrefix("processed ") && $0.contains(" insns") }) else {
            return nil
        }
        let said = lines[..<end].last { line in
            guard let first = line.first else { return false }
            return !first.isNumber && first != ";" && !line.hasPrefix("--")
        }
        return said
    }
}

/// Turns libbpf's convention (a negative errno is an error) into a throw.
/// - Returns: the value, which is not negative.
@discardableResult
func check(
    _ value: Int32, _ operation: String, _ subject: @autoclosure () -> String, advice: String? = nil
) throws(BPFError) -> Int32 {
    guard value < 0 else { return value }
    throw BPFError(code: -value, operation: operation, subject: subject(), advice: advice)
}
