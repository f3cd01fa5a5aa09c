import Glibc

/// The directory in which container runtimes look for network configurations, such as /etc/cni/net.d.
struct NetworkDirectory {
    let path: String

    /// The file that counts: containerd and CRI-O take the first by name.
    struct Primary {
        var path: String
        var status: HostFile.Status
        var list: NetworkList
        /// The list is made of a `.conf` file, which holds one plugin.
        var isWrapped: Bool
    }

    /// What a `.conf` file is called while a list stands in for it. No runtime reads a file of that name.
    static let savedSuffix = ".weir-saved"

    /// - Throws: that there is none, with what is wrong with those that are none.
    func primary() throws(InstallError) -> Primary {
        var problems: [String] = []
        for name in try names() where Self.isConfiguration(name) {
            let file = "\(path)/\(name)"
            guard let target = Self.resolved(file) else {
                // The runtime may see what an agent in a container does not.
                guard !Self.isLink(file) else {
                    throw InstallError(
                        "\(file) is a symbolic link to what is not here; remove it, or give the agent that directory, too"
                    )
                }
                continue
            }
            // Before it is read, so that a file that is rewritten meanwhile is noticed.
            guard let status = HostFile.Status(target) else { continue }
            do throws(InstallError) {
                let text = try HostFile.read(target)
                let isWrapped = !name.hasSuffix(".conflist")
                let list = try isWrapped ? NetworkList(wrapping: text) : NetworkList(text)
                return Primary(path: isWrapped ? file : target, status: status, list: list, isWrapped: isWrapped)
            } catch {
                problems.append("\(file) \(error)")
            }
        }
        let found = problems.isEmpty ? "is empty of network configurations" : "has none that can be used"
        throw InstallError(
            "\(path) \(found); install a network plugin first"
                + (problems.isEmpty ? "" : " (\(problems.joined(separator: "; ")))"))
    }

    /// Sorted as Go sorts them, by bytes.
    func names() throws(InstallError) -> [String] {
        guard let directory = opendir(path) else { throw .errno("read", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The endings that containerd and CRI-O look for. `.json` files hold one plugin, like `.conf`.
    static func isConfiguration(_ name: String) -> Bool {
        [".conflist", ".conf", ".json"].contains { name.hasSuffix($0) }
    }

    /// The list that stands in for a `.conf` or `.json` file.
    static func listPath(for wrapped: String) -> String {
        "\(wrapped[..<(wrapped.lastIndex(of: ".") ?? wrapped.endIndex)]).conflist"
    }

    private static func isLink(_ path: String) -> Bool {
        var entry = stat()
        return lstat(path, &entry) == 0 && entry.st_mode & S_IFMT == S_IFLNK
    }

    /// Where a symbolic link leads: the link stays one.
    static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
