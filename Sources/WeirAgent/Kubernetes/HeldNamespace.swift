import WeirBPF
import WeirCore
import WeirNFT

/// A network namespace that stays the one it was when it was found, whatever becomes of its names.
final class HeldNamespace: Sendable {
    private let namespace: NetworkNamespace
    /// The path by which it was found; it may name another one day.
    let foundAt: String

    init(foundAt path: String) throws(BPFError) {
        namespace = try NetworkNamespace(path: path)
        foundAt = path
    }

    /// Runs `body` on this thread inside it, and comes back.
    func inside<Result>(_ body: () throws -> Result) throws -> Result { try namespace.entered(body) }

    /// What of a mesh's own rules is in it, in words; nil for none.
    func meshRules() throws -> String? {
        let legacy = try namespace.entered { try ForeignRules.legacyChains() }
        return try MeshRules.found(in: namespace, legacy: legacy)
    }

    /// The addresses of its interfaces.
    func addresses() throws(BPFError) -> [Address] { try namespace.interfaceAddresses() }

    /// Names it for as long as this object lives, and only in this process.
    var path: String { "/proc/self/fd/\(namespace.descriptor.raw)" }
    var cookie: UInt64 { namespace.cookie }
    /// Unique among the namespaces that are there at the same time, so also while this one is held.
    var inode: UInt64 { namespace.inode }
}
