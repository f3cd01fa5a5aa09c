import Glibc

/// Whatever a run makes has the run's process id in its name, so that a later one can tell what a killed one left.
enum Names {
    static let prefix = "weir-bench-"
    static let own = "\(prefix)\(getpid())"

    static let namespaces = "/run/netns"
    static let bpffs = "/sys/fs/bpf"
    /// Of folders for configurations and logs. Only root may write here: a name in /tmp can be guessed, and taken before.
    static let folders = "/run"

    /// The process of a name that a run made; nil for other names.
    static func process(of name: String) -> Int32? {
        guard name.hasPrefix(prefix) else { return nil }
        return Int32(name.dropFirst(prefix.count).prefix { $0.isNumber })
    }
}
