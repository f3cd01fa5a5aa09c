import Glibc

/// Keeps a second installer of Weir away while this one reads and writes a directory.
struct DirectoryLock: ~Copyable {
    private let raw: Int32

    init(_ path: String) throws(InstallError) {
        raw = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard raw >= 0 else { throw .errno("open", path) }
        while flock(raw, LOCK_EX) != 0 {
            guard errno == EINTR else {
                close(raw)
                throw .errno("lock", path)
            }
        }
    }

    deinit { close(raw) }
}
