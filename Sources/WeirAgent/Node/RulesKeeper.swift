import Synchronization
import WeirBPF
import WeirNFT

/// Notices when somebody else removes or changes the rules that Weir has put into a namespace.
final class RulesKeeper {
    private let monitor: NamespaceMonitor
    private let mayDiffer: Changes
    /// The rules when they were put there.
    private let listing: Int

    /// To be made when the rules are in force.
    init(_ path: String) throws {
        let namespace = try NetworkNamespace(path: path)
        let mayDiffer = Changes()
        monitor = try NamespaceMonitor(namespace, .rules) { mayDiffer.note() }
        self.mayDiffer = mayDiffer
        listing = try Self.listing(path)
    }

    /// Whether the rules are no longer what they were. Asks nft only after something in the namespace has changed.
    func findsChange(in path: String) throws -> Bool {
        guard mayDiffer.take() else { return false }
        do {
            return try Self.listing(path) != listing
        } catch {
            mayDiffer.note()
            throw error
        }
    }

    private static func listing(_ path: String) throws -> Int {
        try NetworkNamespace(path: path).entered { try NFT().listing().hashValue }
    }
}

/// Whether something has changed since it was last asked.
private final class Changes: Sendable {
    private let value = Atomic(false)

    func note() { value.store(true, ordering: .releasing) }
    func take() -> Bool { value.exchange(false, ordering: .acquiringAndReleasing) }
}
