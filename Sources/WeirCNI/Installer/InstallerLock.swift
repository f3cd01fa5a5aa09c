import Glibc

/// Keeps a second installer of Weir away while this one reads and writes the CNI directories. Only root can open the
/// file, so nobody else can hold it; it is removed with the lock.
struct InstallerLock: ~Copyable {
    static let standard = "/run/weir/cni.lock"

    private let raw: Int32
    private let path: String

    /// - Parameter milliseconds: how long another installer is waited for, which needs some.
    init(_ path: String = standard, patience milliseconds: Int = 5000) throws(InstallError) {
        self.path = path
        let deadline = Deadline(milliseconds: milliseconds)
        mkdir("/" + path.split(separator: "/").dropLast().joined(separator: "/"), 0o755)
        while true {
            let raw = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
            guard raw >= 0 else { throw .errno("open", path) }
            if flock(raw, LOCK_EX | LOCK_NB) == 0, Self.isStill(raw, at: path) {
                self.raw = raw
                return
            }
            close(raw)
            guard deadline.millisecondsLeft > 0 else {
                throw InstallError(
                    "another installer of the CNI plugin has held \(path) for \(milliseconds / 1000) s; end it "
                        + "(fuser \(path) names it)")
            }
            usleep(20_000)
        }
    }

    deinit {
        unlink(path)
        close(raw)
    }

    /// The last holder has removed what was opened, if it was opened before that.
    private static func isStill(_ raw: Int32, at path: String) -> Bool {
        var (opened, named) = (stat(), stat())
        return fstat(raw, &opened) == 0 && lstat(path, &named) == 0 && opened.st_ino == named.st_ino
            && opened.st_dev == named.st_dev
    }
}
