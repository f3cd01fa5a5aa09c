import Foundation

/// A network namespace of its own, named `weir-test-<pid>-<n>`, removed with this object.
public final class Namespace: Sendable {
    public let name: String
    public var path: String { "/run/netns/\(name)" }
    public var place: Place { Place(namespace: name) }

    /// - Parameter name: one from `newName()`, for a namespace that is made anew under its old name.
    public init(name: String = newName()) throws {
        self.name = name
        try Command.run(["ip", "netns", "add", name])
    }

    public static func newName() -> String { "\(Workspace.ownPrefix)\(Workspace.nextNumber())" }

    deinit { Self.remove(name) }

    /// A line each, without the leading `ip`. `inet6` for those that mean another thing without `-6`.
    public func ip(_ commands: [String], inet6: Bool = false) throws {
        let family = inet6 ? ["-6"] : []
        let batch = commands.joined(separator: "\n") + "\n"
        try Command.run(["ip"] + family + ["-n", name, "-batch", "-"], stdin: batch)
    }

    public func sysctl(_ settings: [String: String]) throws {
        try Command.run(["sysctl", "-qw"] + settings.map { "\($0)=\($1)" }, in: place)
    }

    /// As the same user, in this namespace.
    public func place(uid: UInt32, gid: UInt32? = nil) -> Place {
        Place(namespace: name, uid: uid, gid: gid ?? uid)
    }

    /// What `ip netns delete` does.
    static func remove(_ name: String) {
        umount2("/run/netns/\(name)", Int32(MNT_DETACH))
        unlink("/run/netns/\(name)")
    }
}
