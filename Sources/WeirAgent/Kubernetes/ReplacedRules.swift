import Foundation
import Glibc
import WeirBPF
import WeirCore
import WeirNFT

/// The mesh's rules, of iptables or nftables, that Weir took out of a pod when it took the pod over, kept for the way back: by `weir adopt
/// --undo`, or by `weir unload`, after which nobody else would redirect the pod's traffic.
struct ReplacedRules: Sendable {
    private let state: StateFolder
    private let path: String

    /// - Parameter cookie: of the pod's network namespace; not used again until the next boot, which empties /run.
    /// - Parameter pins: the installation that took the pod over.
    init(_ cookie: UInt64, _ pins: PinDirectory) {
        state = StateFolder(pins)
        path = "\(Self.folder(state))/\(cookie)"
    }

    private static let name = "replaced"
    private static func folder(_ state: StateFolder) -> String { "\(state.path)/\(name)" }

    private struct Content: Codable {
        /// A path of the namespace, for processes that do not hold it.
        let namespace: String
        let tables: SavedTables
    }

    var exist: Bool { access(path, F_OK) == 0 }

    /// Takes a mesh's rules out of the namespace; what is kept is written before. Connections that the rules have
    /// redirected stay so: connection tracking remembers.
    /// - Parameter first: puts in force what takes the rules' place. While both are, Weir's decision goes first, and the
    ///   rules leave alone what it has redirected.
    func replace(
        in held: HeldNamespace, isolation: isolated (any Actor)? = #isolation, first: () async throws -> Void
    ) async throws {
        let tables = try held.inside { try SavedTables.read(havingChains: IPTables.chainPrefixes) }
        guard !tables.isEmpty else {
            guard let found = try held.meshRules() else { throw NoRules() }
            throw InvalidValue(
                "the mesh's \(found), and no program that is installed can list them; "
                    + "install the packages iptables and nftables")
        }
        try write(Content(namespace: held.foundAt, tables: tables))
        do {
            try await first()
            try held.inside { try tables.without(chains: IPTables.chainPrefixes).restore() }
        } catch {
            _ = try? held.inside { try tables.restore() }
            forget()
            throw error
        }
    }

    struct NoRules: Error, CustomStringConvertible {
        let description =
            "there are no rules of a mesh in it; if its init container has not run yet, try again when it has"
    }

    /// Puts the rules back. Whoever redirected in their place may end after this.
    func restore(in held: HeldNamespace) throws {
        let tables = try read().tables
        try held.inside { try tables.restore() }
    }

    func forget() { unlink(path) }

    /// Puts all rules back into the pods that are still there.
    /// - Returns: how many pods.
    static func restoreAll(_ pins: PinDirectory) -> Int {
        let state = StateFolder(pins)
        let folder = folder(state)
        var count = 0
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            guard let cookie = UInt64(name) else { continue }
            let rules = ReplacedRules(cookie, pins)
            if let content = try? rules.read(), let namespace = NetworkNamespace.find(cookie, at: content.namespace),
                (try? namespace.entered { try content.tables.restore() }) != nil
            {
                count += 1
            }
            rules.forget()
        }
        state.clear()
        return count
    }

    private func write(_ content: Content) throws {
        try state.make(Self.name)
        try JSONEncoder().encode(content).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    private func read() throws -> Content {
        try JSONDecoder().decode(Content.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }
}
