import Glibc

/// Puts the plugin onto a node and takes it away: the program into the directory of plugins, and its entry at the end of
/// the network configuration that counts. What is in place is left as it is.
public struct Installer: Sendable {
    public let settings: PluginSettings
    /// The program that is copied.
    public let program: String
    /// Where runtimes look for plugins, such as /opt/cni/bin.
    public let binDirectory: String
    /// Where they look for network configurations, such as /etc/cni/net.d.
    public let confDirectory: String

    public init(settings: PluginSettings, program: String, binDirectory: String, confDirectory: String) {
        self.settings = settings
        self.program = program
        self.binDirectory = binDirectory
        self.confDirectory = confDirectory
    }

    /// For tests.
    var lockFile = InstallerLock.standard
    var installedProgram: String { "\(binDirectory)/\(PluginSettings.type)" }
    private var directory: NetworkDirectory { NetworkDirectory(path: confDirectory) }

    /// Whether there is nothing to do.
    public func isInstalled() throws(InstallError) -> Bool {
        let primary = try directory.primary()
        guard !primary.isWrapped, primary.list.with(settings) == primary.list.text else { return false }
        return try isProgramInstalled()
    }

    /// Installs what is missing. The program comes first, so that no runtime reads of a plugin that it cannot find.
    /// - Returns: the network configuration that has the plugin.
    @discardableResult
    public func install() throws(InstallError) -> String {
        let lock = try InstallerLock(lockFile)
        defer { withExtendedLifetime(lock) {} }
        let primary = try directory.primary()
        if try !isProgramInstalled() { try HostFile.copy(program, to: installedProgram, like: .program) }
        let text = primary.list.with(settings)
        guard primary.isWrapped else {
            guard text != primary.list.text else { return primary.path }
            guard HostFile.Status(primary.path) == primary.status else {
                throw InstallError("\(primary.path) was rewritten at this moment; try again")
            }
            try HostFile.write(text, to: primary.path, like: primary.status)
            return primary.path
        }
        let list = NetworkDirectory.listPath(for: primary.path)
        try refuseToReplace(list, for: primary.path)
        try HostFile.write(text, to: list, like: primary.status)
        // Until this rename the file counts, after it the list.
        try HostFile.move(primary.path, to: primary.path + NetworkDirectory.savedSuffix)
        return list
    }

    /// Takes the plugin's entry out of every configuration, and then the program away.
    /// - Returns: whether anything of it was there.
    @discardableResult
    public func uninstall() throws(InstallError) -> Bool {
        var found = false
        if HostFile.exists(confDirectory) {
            let lock = try InstallerLock(lockFile)
            defer { withExtendedLifetime(lock) {} }
            for name in try directory.names() where name.hasSuffix(".conflist") {
                if try removeEntry(from: "\(confDirectory)/\(name)") { found = true }
            }
            for name in try directory.names() where Self.isOurs(name) {
                try HostFile.remove("\(confDirectory)/\(name)")
                found = true
            }
        }
        for path in [installedProgram, HostFile.draft(of: installedProgram)] where HostFile.exists(path) {
            try HostFile.remove(path)
            found = true
        }
        return found
    }

    /// - Returns: whether there was one.
    private func removeEntry(from path: String) throws(InstallError) -> Bool {
        guard let status = HostFile.Status(path), let list = try? NetworkList(try HostFile.read(path)), list.hasEntry
        else {
            return false
        }
        let rest = list.withoutEntry()
        for ending in [".conf", ".json"] {
            let original = String(path.dropLast(".conflist".count)) + ending
            let saved = original + NetworkDirectory.savedSuffix
            let isBack = HostFile.exists(original)
            guard let text = try? HostFile.read(isBack ? original : saved),
                let wrapped = try? NetworkList(wrapping: text), wrapped.text == rest
            else { continue }
            // The file counts again with the rename, and the list goes unused.
            if !isBack { try HostFile.move(saved, to: original) }
            try HostFile.remove(path)
            return true
        }
        try HostFile.write(rest, to: NetworkDirectory.resolved(path) ?? path, like: status)
        return true
    }

    /// A killed run's drafts, and files that lists stood in for and that others have replaced since.
    private static func isOurs(_ name: String) -> Bool {
        name.hasSuffix(NetworkDirectory.savedSuffix) || name.hasPrefix(".") && name.hasSuffix(".weir-new")
    }

    private func isProgramInstalled() throws(InstallError) -> Bool {
        guard access(installedProgram, X_OK) == 0 else { return false }
        return try HostFile.areEqual(program, installedProgram)
    }

    /// A list of that name that Weir has not made is somebody's.
    private func refuseToReplace(_ list: String, for wrapped: String) throws(InstallError) {
        guard HostFile.exists(list) else { return }
        guard let other = try? NetworkList(try HostFile.read(list)), other.hasEntry else {
            throw InstallError(
                "\(wrapped) has to become \(list), which exists already; remove the one that is not used")
        }
    }
}
