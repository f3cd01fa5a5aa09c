import WeirCore

/// Under which uid and gid a policy's proxy makes its sockets. One process has both.
struct ProxyIdentity {
    /// Nil: it is not known by its user.
    let uid: UInt32?
    let gid: UInt32?

    init(_ owners: [OwnerFacts]) {
        uid = Self.first(.uid, owners)
        gid = Self.first(.gid, owners)
    }

    /// Of several the one that the policy has first.
    private static func first(_ kind: OwnerFacts.Kind, _ owners: [OwnerFacts]) -> UInt32? {
        let own = owners.filter { $0.kind == kind && !$0.facts.isDisjoint(with: .proxy) }
        return (own.first { $0.facts.contains(.proxyFirstUID) } ?? own.min { $0.id < $1.id })?.id
    }
}
