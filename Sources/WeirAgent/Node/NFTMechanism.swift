import Glibc
public import WeirBPF
import WeirCore
import WeirNFT

/// What Weir puts into network namespaces beside BPF programs: nftables rules, and TPROXY mode's routing.
///
/// Each such namespace is written down under /run/weir, because nothing else says so: `weir unload` goes there also
/// when the agent was killed.
public struct NFTMechanism: Sendable {
    private let folder: String

    /// - Parameter pins: the installation that this is of; each writes down its own namespaces.
    public init(_ pins: PinDirectory) {
        folder = "/run/weir/namespaces-\(pins.path.split(separator: "/").last ?? "weir")"
    }

    /// Puts a workload's policy in force, in place of an earlier one of Weir's.
    func apply(_ resolved: ResolvedWorkload) throws {
        var options = Ruleset.Options()
        options.interceptionMode = resolved.policy.interceptionMode
        options.dropInvalid = resolved.workload.policy.dropInvalid
        let ruleset = try Ruleset(resolved.policy, options)
        try note(resolved.publicPath)
        try inside(resolved.namespacePath) { try $0.apply(ruleset) }
    }

    /// What eBPF's hooks do not see of a workload with virtual interfaces: forwarded packets meet no socket.
    func applyForwarded(_ resolved: ResolvedWorkload) throws {
        var options = Ruleset.Options()
        options.forwardedOnly = true
        options.dropInvalid = resolved.workload.policy.dropInvalid
        let ruleset = try Ruleset(resolved.policy, options)
        try note(resolved.publicPath)
        try inside(resolved.namespacePath) { try $0.apply(ruleset) }
    }

    /// TPROXY mode's routing for the eBPF mechanism.
    func installRouting(_ resolved: ResolvedWorkload) throws(BPFError) {
        try note(resolved.publicPath)
        try TransparentRouting.install(
            mark: Self.transparentMark, in: try NetworkNamespace(path: resolved.namespacePath))
    }

    /// Istio's.
    private static let transparentMark: UInt32 = 1337

    /// Another mechanism takes over: new connections are not decided here, redirected ones go on.
    func drain(_ path: String) throws {
        guard isNoted(path) else { return }
        try inside(path) { try $0.load(try Ruleset.draining()) }
    }

    /// Removes everything from a namespace; one that is gone has taken it along.
    func remove(from path: String) throws {
        guard isNoted(path) else { return }
        if NetworkNamespace.inode(of: path) != nil {
            try TransparentRouting.remove(mark: Self.transparentMark, in: try NetworkNamespace(path: path))
            if (try? NFT()) != nil { try inside(path) { try $0.remove() } }
        }
        forget(path)
    }

    /// Whether something of Weir's was put there.
    func isNoted(_ path: String) -> Bool { access(file(path), F_OK) == 0 }

    /// Cleans every namespace that was written down.
    /// - Returns: how many.
    public func removeAll() throws -> Int {
        let paths = noted()
        for path in paths { try remove(from: path) }
        rmdir(folder)
        return paths.count
    }

    private func inside(_ path: String, _ body: (NFT) throws -> Void) throws {
        let namespace = try NetworkNamespace(path: path)
        var failure: (any Error)?
        try namespace.enter { () throws(BPFError) in
            do { try body(try NFT()) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// A path as a file name: / becomes the one character that YAML paths of namespaces do not have.
    private func file(_ path: String) -> String {
        "\(folder)/\(path.split(separator: "/").joined(separator: "\u{1f}"))"
    }

    private func note(_ path: String) throws(BPFError) {
        mkdir("/run/weir", 0o755)
        mkdir(folder, 0o700)
        guard let file = fopen(file(path), "we") else {
            throw BPFError(
                code: errno, operation: "write", subject: "\(folder), where namespaces with nftables rules stand")
        }
        fclose(file)
    }

    private func forget(_ path: String) { unlink(file(path)) }

    private func noted() -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var found: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.first != "." { found.append("/" + name.split(separator: "\u{1f}").joined(separator: "/")) }
        }
        return found
    }
}
