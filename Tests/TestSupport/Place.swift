/// Where, and as whom, a program runs.
public struct Place: Sendable {
    /// Name of, or path to, a network namespace; nil is the test's own.
    public var namespace: String?
    public var cgroup: String?
    public var uid: UInt32?
    public var gid: UInt32?
    /// Of a user namespace of its own: "INSIDE OUTSIDE COUNT", of uids and gids. `uid` and `gid` are then those inside.
    public var userMap: String?
    /// bpf(2) fails with EPERM, as under a container runtime's seccomp profile.
    public var isWithoutBPF = false

    public init(namespace: String? = nil, cgroup: String? = nil, uid: UInt32? = nil, gid: UInt32? = nil) {
        self.namespace = namespace
        self.cgroup = cgroup
        self.uid = uid
        self.gid = gid
    }

    public static let here = Place()

    /// Here, and without bpf(2).
    public static var withoutBPF: Place {
        var place = Place()
        place.isWithoutBPF = true
        return place
    }

    /// `weir-exercise in ... --`: what to put before a command.
    func prefix() throws -> [String] {
        var words = [try Programs.exercise.get(), "in"]
        if let namespace { words += ["--netns", namespace] }
        if let cgroup { words += ["--cgroup", cgroup] }
        if let uid { words += ["--uid", String(uid)] }
        if let gid { words += ["--gid", String(gid)] }
        if let userMap { words += ["--user-map", userMap] }
        if isWithoutBPF { words += ["--without-bpf"] }
        return words + ["--"]
    }
}
