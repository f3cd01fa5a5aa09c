import Glibc

/// A version of Linux: what a refusal can say of the running one.
struct KernelVersion: Comparable, CustomStringConvertible {
    let major: Int
    let minor: Int

    /// The least that every program needs: bpf_get_netns_cookie() in sockops and getsockopt programs (net/core/filter.c,
    /// sock_ops_func_proto; kernel/bpf/cgroup.c, cg_sockopt_func_proto).
    static let ofPrograms = KernelVersion(major: 5, minor: 15)

    /// The least that tells namespaces apart: SO_NETNS_COOKIE (net/core/sock.c, sk_getsockopt).
    static let ofNamespaces = KernelVersion(major: 5, minor: 14)

    init(major: Int, minor: Int) {
        (self.major, self.minor) = (major, minor)
    }

    /// - Parameter release: as `uname -r` has it, such as 5.10.0-28-amd64. Nil: it begins otherwise.
    init?(release: String) {
        let numbers = release.split(separator: ".", maxSplits: 2).prefix(2).map { $0.prefix { $0.isNumber } }
        guard numbers.count == 2, let major = Int(numbers[0]), let minor = Int(numbers[1]) else { return nil }
        self.init(major: major, minor: minor)
    }

    /// uname(2).
    static var running: String {
        var name = utsname()
        guard uname(&name) == 0 else { return "" }
        return withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// What to say where a kernel has refused something.
    /// - Returns: nil when the release does not explain it. (Distributions carry features back, so only a refusal does.)
    static func advice(_ what: String, need least: KernelVersion, release: String = running) -> String? {
        guard let version = KernelVersion(release: release), version < least else { return nil }
        return "this is Linux \(release), and \(what) \(least)"
    }

    static func < (one: KernelVersion, other: KernelVersion) -> Bool {
        (one.major, one.minor) < (other.major, other.minor)
    }

    var description: String { "Linux \(major).\(minor)" }
}
