import Glibc

/// Why something could not be installed or removed: one sentence.
public struct InstallError: Error, Hashable, CustomStringConvertible {
    public let description: String

    public init(_ sentence: String) { description = sentence }

    /// After a system call that failed.
    static func errno(_ what: String, _ path: String) -> InstallError {
        InstallError("cannot \(what) \(path): \(String(cString: strerror(Glibc.errno)))")
    }
}
