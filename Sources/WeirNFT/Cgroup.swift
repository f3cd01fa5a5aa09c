public import WeirCore

/// A cgroup v2 directory, as `socket cgroupv2` takes it: nft looks the path up below /sys/fs/cgroup, the kernel
/// compares the ancestor of the socket's cgroup at a depth below the cgroup v2 root.
public struct Cgroup: Hashable, Sendable {
    /// Below /sys/fs/cgroup: "system.slice/cart.service"; "unified/system.slice/cart.service" on a hybrid host.
    public let path: String
    /// Below the cgroup v2 root: 2.
    public let depth: Int

    /// - Parameters:
    ///   - directory: its absolute path.
    ///   - root: where cgroup v2 is mounted.
    /// - Throws: a sentence, when it is not below the root, or nft cannot see or write it.
    public init(_ directory: String, root: String) throws(InvalidValue) {
        let mount = "/sys/fs/cgroup/"
        let names = directory.dropFirst(root.count).split(separator: "/")
        guard directory.hasPrefix(root.hasSuffix("/") ? root : root + "/"), !names.isEmpty else {
            throw InvalidValue("\(directory) is not a cgroup below \(root)")
        }
        guard directory.hasPrefix(mount), !directory.contains("\""), !directory.contains("\n") else {
            throw InvalidValue("nftables only takes cgroups below \(mount) without quotes in their names: \(directory)")
        }
        path = String(directory.dropFirst(mount.count))
        depth = names.count
    }

    var match: String { "socket cgroupv2 level \(depth) \"\(path)\"" }
}
