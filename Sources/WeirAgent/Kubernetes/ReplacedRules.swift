import Glibc

/// The iptables rules that Weir took out of a pod when it took the pod over, kept for the way back.
struct ReplacedRules {
    private static let folder = "/run/weir/replaced"
    let path: String

    /// - Parameter cookie: of the pod's network namespace.
    init(_ cookie: UInt64) {
        path = "\(Self.folder)/\(cookie)"
    }

    var exist: Bool { access(path, F_OK) == 0 }
}
