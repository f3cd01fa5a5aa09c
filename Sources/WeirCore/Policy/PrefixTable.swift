/// What is known of addresses by prefix. The value of each entry is the union of the facts of all ranges that cover it,
/// because a trie answers with the longest prefix alone; entries that add nothing to the one around them are left out.
struct PrefixTable {
    /// Sorted by direction, family, address and length.
    let entries: [PrefixFacts]

    /// - Parameters:
    ///   - outbound: the facts of destinations that some rule asks for; others are left out.
    ///   - inbound: the same for clients' addresses.
    init(_ specification: PolicySpecification, outbound: Facts, inbound: Facts) {
        let destinations = Self.destinations(specification, outbound)
        let sources =
            inbound.contains(.sourceListed)
            ? specification.inboundExcludeSources.map { Item(range: $0, facts: .sourceListed) } : []
        entries =
            Self.merge(destinations, direction: .outbound, withUnspecified: true)
            + Self.merge(sources, direction: .inbound, withUnspecified: false)
    }

    private struct Item {
        let range: CIDR
        var facts: Facts
    }

    private static func destinations(_ specification: PolicySpecification, _ wanted: Facts) -> [Item] {
        var items: [Item] = []
        func add(_ ranges: [CIDR], _ fact: Facts) {
            guard wanted.contains(fact) else { return }
            items += ranges.map { Item(range: $0, facts: fact) }
        }
        add([specification.loopbackRange, CIDR(.loopback6)], .loopbackRange)
        add(specification.outboundExcludeRanges, .rangeExcluded)
        add(specification.outboundIncludeRanges.list, .rangeIncluded)
        if case .servers(let servers) = specification.dns { add(servers.map { CIDR($0) }, .dnsServer) }
        return items
    }

    private static func merge(_ items: [Item], direction: Direction, withUnspecified: Bool) -> [PrefixFacts] {
        var entries = merge(items.filter { !$0.range.isIPv4 }, direction)
        var entries4 = merge(items.filter(\.range.isIPv4), direction)
        let mapped = CIDR(containing: .any4, length: 96)
        // An IPv6 range around ::ffff:0:0/96 must not answer for IPv4.
        if entries4.first?.range != mapped,
            entries.contains(where: {
                $0.range.length < 96 && mapped.address.masked(to: $0.range.length) == $0.range.address
            })
        {
            entries4.insert(PrefixFacts(direction: direction, range: mapped, facts: []), at: 0)
        }
        if withUnspecified {
            // connect() takes 0.0.0.0 and :: for loopback.
            alias(.any4, to: .loopback4, in: &entries4, direction)
            alias(.any6, to: .loopback6, in: &entries, direction)
        }
        return entries + entries4
    }

    /// One family: sort, so that a range follows those that cover it, and keep these on a stack.
    private static func merge(_ items: [Item], _ direction: Direction) -> [PrefixFacts] {
        let sorted = items.sorted { ($0.range.address, $0.range.length) < ($1.range.address, $1.range.length) }
        var entries: [PrefixFacts] = []
        var covering: [Item] = []
        var index = 0
        while index < sorted.count {
            var item = sorted[index]
            index += 1
            while index < sorted.count, sorted[index].range == item.range {
                item.facts.formUnion(sorted[index].facts)
                index += 1
            }
            while let last = covering.last, item.range.address.masked(to: last.range.length) != last.range.address {
                covering.removeLast()
            }
            let around = covering.last?.facts ?? []
            item.facts.formUnion(around)
            covering.append(item)
            if item.facts != around {
                entries.append(PrefixFacts(direction: direction, range: item.range, facts: item.facts))
            }
        }
        return entries
    }

    /// Gives one address the facts of another.
    private static func alias(
        _ address: Address, to other: Address, in entries: inout [PrefixFacts], _ direction: Direction
    ) {
        func longest(_ address: Address) -> PrefixFacts? {
            entries.filter { $0.range.contains(address) }.max { $0.range.length < $1.range.length }
        }
        let facts = longest(other)?.facts ?? []
        guard longest(address)?.facts ?? [] != facts else { return }
        entries.removeAll { $0.range == CIDR(address) }
        let entry = PrefixFacts(direction: direction, range: CIDR(address), facts: facts)
        let place = entries.firstIndex { ($0.range.address, $0.range.length) > (address, 128) } ?? entries.count
        entries.insert(entry, at: place)
    }
}
