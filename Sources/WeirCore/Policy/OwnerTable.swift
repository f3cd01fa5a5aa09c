/// What is known of uids and gids.
struct OwnerTable {
    /// Sorted by kind and id.
    let entries: [OwnerFacts]

    init(_ specification: PolicySpecification) {
        var users: [UInt32: Facts] = [:]
        var groups: [UInt32: Facts] = [:]
        for (index, uid) in specification.proxyUIDs.enumerated() where users[uid] == nil {
            users[uid] = index == 0 ? .proxyFirstUID : .proxyOtherUID
        }
        // Without uids and cgroup, the first gid is the first identity.
        let firstGroup = specification.satisfies(.proxyKnownByUser) ? nil : specification.proxyGIDs.first
        for gid in specification.proxyGIDs {
            groups[gid] = gid == firstGroup ? .proxyFirstUID : .proxyGID
        }
        let excluded = Set(specification.ownerGroupsExclude)
        let listed =
            specification.ownerGroupsInclude.isListed
            ? specification.ownerGroupsInclude.list.filter { !excluded.contains($0) } : Array(excluded)
        for gid in listed { groups[gid, default: []].insert(.groupListed) }
        entries = Self.sorted(.uid, users) + Self.sorted(.gid, groups)
    }

    private static func sorted(_ kind: OwnerFacts.Kind, _ facts: [UInt32: Facts]) -> [OwnerFacts] {
        facts.sorted { $0.key < $1.key }.map { OwnerFacts(kind: kind, id: $0.key, facts: $0.value) }
    }
}
