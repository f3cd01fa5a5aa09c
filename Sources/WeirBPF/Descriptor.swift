import Glibc

/// A file descriptor that is closed when its owner goes away.
public struct Descriptor: ~Copyable, Sendable {
    public let raw: Int32

    /// Takes ownership of an open descriptor.
    public init(owning raw: Int32) {
        self.raw = raw
    }

    /// Opens a path for reading (`open(2)` with O_RDONLY and O_CLOEXEC).
    public init(path: String) throws(BPFError) {
        let raw = open(path, O_RDONLY | O_CLOEXEC)
        if raw < 0 { throw BPFError(code: errno, operation: "open", subject: path) }
        self.raw = raw
    }

    deinit { close(raw) }
}
