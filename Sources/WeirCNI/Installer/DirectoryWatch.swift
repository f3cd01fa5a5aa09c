import Glibc

/// Tells when files of directories were written, renamed or removed: inotify(7).
struct DirectoryWatch: ~Copyable {
    private let raw: Int32

    /// - Throws: which directory cannot be watched; mostly it is not there.
    init(_ paths: [String]) throws(InstallError) {
        raw = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        guard raw >= 0 else { throw .errno("watch", paths.joined(separator: " and ")) }
        // Not IN_MODIFY: a file counts when its writer has closed it.
        let events =
            IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR
        for path in paths where inotify_add_watch(raw, path, UInt32(events)) < 0 {
            let error = InstallError.errno("watch", path)
            close(raw)
            throw error
        }
    }

    deinit { close(raw) }

    /// Waits until something happens or the time is over.
    /// - Parameter milliseconds: -1 for any time.
    func wait(milliseconds: Int32, unless stop: borrowing StopSignal) {
        stop.wait(milliseconds: milliseconds, or: raw)
        var events = [UInt8](repeating: 0, count: 4096)
        while read(raw, &events, events.count) > 0 {}
    }
}
