/// An entry of `weir_owners`: what is known of a socket by the uid or gid it was made under.
public struct OwnerFacts: Hashable, Sendable {
    /// `enum weir_owner_kind`, with its numbers.
    public enum Kind: UInt32, Hashable, Sendable, CaseIterable {
        case uid = 0
        case gid = 1
    }

    public let kind: Kind
    /// As the initial user namespace sees it.
    public let id: UInt32
    public let facts: Facts

    public init(kind: Kind, id: UInt32, facts: Facts) {
        self.kind = kind
        self.id = id
        self.facts = facts
    }
}
