import Glibc

/// RLIMIT_NOFILE.
public enum FileLimit {
    /// Raises the soft limit to the hard one.
    /// - Parameter spare: descriptors to keep for other uses.
    /// - Returns: how many descriptors may be open beside those.
    public static func raise(spare: Int) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 512 }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 512 }
        return max(Int(clamping: limit.rlim_cur) - spare, 2)
    }

    /// Has the kernel make room for this many descriptors now, as far as the limit goes. A process with threads waits
    /// when its table grows, until no processor can be looking at the old one: ten milliseconds and more (expand_fdtable
    /// of fs/file.c).
    public static func makeRoom(for count: Int) {
        let highest = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, Int32(min(count, raise(spare: 0)) - 1))
        if highest >= 0 { close(highest) }
    }
}
