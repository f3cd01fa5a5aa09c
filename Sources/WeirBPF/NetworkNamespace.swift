import CWeirBPF
import Glibc

/// A network namespace, held open.
public struct NetworkNamespace: ~Copyable, Sendable {
    public let path: String
    public let descriptor: Descriptor
    /// The kernel's name for it, unique until the next boot (SO_NETNS_COOKIE).
    public let cookie: UInt64
    /// Which file it is; a namespace made anew under the same path has another.
    public let inode: UInt64

    /// - Parameter path: `/proc/PID/ns/net`, or a bind mount of one such as `/run/netns/NAME`.
    public init(path: String) throws(BPFError) {
        let descriptor = try Descriptor(path: path)
        cookie = try Self.cookie(of: descriptor, path)
        inode = Self.inode(of: path) ?? 0
        self.path = path
        self.descriptor = descriptor
    }

    private static func cookie(of descriptor: borrowing Descriptor, _ path: String) throws(BPFError) -> UInt64 {
        var cookie: UInt64 = 0
        let result = weir_netns_cookie(descriptor.raw, &cookie)
        try check(
            result, "enter", path,
            advice: advice(result) ?? KernelVersion.advice("namespaces' cookies need", need: .ofNamespaces)
                ?? "the path must name a network namespace, such as /run/netns/NAME or /proc/PID/ns/net")
        return cookie
    }

    /// What to do about EPERM of setns(2) and unshare(2), which root gets, too, in a container; nil: it is another error.
    private static func advice(_ result: Int32) -> String? {
        result == -EPERM
            ? "run as the host's root, or with CAP_SYS_ADMIN, which a container has when it is privileged" : nil
    }

    /// The namespace of a cookie, if it is there: by the path that it had, or by a process that lives in it.
    public static func find(_ cookie: UInt64, at path: String) -> NetworkNamespace? {
        if let named = try? NetworkNamespace(path: path), named.cookie == cookie { return named }
        var seen: Set<UInt64> = []
        for pid in ListenerAdoption.pids() {
            let path = "/proc/\(pid)/ns/net"
            guard let inode = inode(of: path), seen.insert(inode).inserted else { continue }
            if let found = try? NetworkNamespace(path: path), found.cookie == cookie { return found }
        }
        return nil
    }

    /// The one this process lives in.
    public static func current() throws(BPFError) -> NetworkNamespace {
        try NetworkNamespace(path: "/proc/self/ns/net")
    }

    /// The inode of the namespace a path names now; nil when there is none.
    public static func inode(of path: String) -> UInt64? {
        var info = stat()
        return stat(path, &info) == 0 ? UInt64(info.st_ino) : nil
    }

    /// Whether it was made in the user namespace of this process, as runtimes make those of pods. What `unshare -Urn`
    /// makes, for which nobody needs a privilege, belongs to another.
    public var isOwnedHere: Bool {
        var owner: UInt64 = 0
        return weir_namespace_owner(descriptor.raw, &owner) == 0 && owner == Self.inode(of: "/proc/self/ns/user")
    }

    /// Runs `body` on this thread inside the namespace, and comes back.
    public func enter<Result>(_ body: () throws(BPFError) -> Result) throws(BPFError) -> Result {
        let home = try Descriptor(path: "/proc/thread-self/ns/net")
        let result = weir_netns_enter(descriptor.raw)
        try check(result, "enter", path, advice: Self.advice(result))
        defer {
            // Going on in the wrong namespace would be worse than not going on.
            if weir_netns_enter(home.raw) < 0 { abort() }
        }
        return try body()
    }

    /// Runs `body` on this thread inside a new namespace with nothing but a loopback interface, and comes back. The
    /// namespace goes with the last socket that was made in it.
    static func withPrivate<Result>(_ body: () throws(BPFError) -> Result) throws(BPFError) -> Result {
        let home = try Descriptor(path: "/proc/thread-self/ns/net")
        defer {
            if weir_netns_enter(home.raw) < 0 { abort() }
        }
        let result = weir_netns_create()
        try check(result, "make", "a network namespace", advice: advice(result))
        return try body()
    }
}
