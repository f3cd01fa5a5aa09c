import Glibc
public import WeirBPF
import WeirCore

/// Who keeps an installation: one process at a time, until it lets go or dies. Only root can open the file, and the kernel
/// says whose the lock is (fcntl(2), F_SETLK), so its holder is known for what it is. The process must not open the file
/// a second time: closing that would let go, too.
public final class InstallationLock: Sendable {
    private let raw: Int32
    private let path: String

    private init(raw: Int32, path: String) {
        (self.raw, self.path) = (raw, path)
    }

    deinit {
        unlink(path)
        close(raw)
    }

    /// - Parameters:
    ///   - seconds: how long to wait for one that is about to end.
    ///   - isHopeless: that it is not, asked now and then.
    /// - Throws: who has it.
    public static func take(
        _ pins: PinDirectory, patience seconds: Int = 0, unless isHopeless: () -> Bool = { false }
    ) throws -> InstallationLock {
        let path = path(pins)
        mkdir("/run/weir", 0o755)
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            let raw = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
            guard raw >= 0 else {
                throw BPFError(
                    code: errno, operation: "open", subject: path, advice: "make its folder writable for root")
            }
            var lock = whole()
            if fcntl(raw, F_SETLK, &lock) == 0 {
                // The last holder has removed what was opened, if it was opened before that.
                if isStill(raw, at: path) { return InstallationLock(raw: raw, path: path) }
                close(raw)
                continue
            }
            let isTaken = errno == EACCES || errno == EAGAIN
            let code = errno
            close(raw)
            guard isTaken else { throw BPFError(code: code, operation: "lock", subject: path) }
            guard .now < end, !isHopeless() else {
                let who = holder(pins).map { $0 > 0 ? ", pid \($0)," : "" } ?? ""
                throw InvalidValue(
                    "another process of Weir\(who) keeps the installation under \(pins.path); "
                        + "stop it first (weir unload does), or use another agent.pins")
            }
            usleep(50_000)
        }
    }

    /// The process that has it; 0 for one in a pid namespace that is not seen from here. Nil: nobody, or this process.
    public static func holder(_ pins: PinDirectory) -> Int32? {
        let raw = open(path(pins), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard raw >= 0 else { return nil }
        defer { close(raw) }
        var lock = whole()
        guard fcntl(raw, F_GETLK, &lock) == 0, lock.l_type != Int16(F_UNLCK) else { return nil }
        return max(0, lock.l_pid)
    }

    /// In the folder that the node and the agent's container share.
    private static func path(_ pins: PinDirectory) -> String {
        "/run/weir/\(pins.path.split(separator: "/").last ?? "weir").lock"
    }

    private static func whole() -> flock {
        var lock = flock()
        (lock.l_type, lock.l_whence) = (Int16(F_WRLCK), Int16(SEEK_SET))
        return lock
    }

    private static func isStill(_ raw: Int32, at path: String) -> Bool {
        var (opened, named) = (stat(), stat())
        return fstat(raw, &opened) == 0 && lstat(path, &named) == 0 && opened.st_ino == named.st_ino
            && opened.st_dev == named.st_dev
    }
}
