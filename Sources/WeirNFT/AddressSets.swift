import WeirCore

/// The policy's prefixes as one set of intervals a fact, of one direction and family.
///
/// The policy's entries say what is known of an address by the longest prefix that covers it; nft's interval sets know
/// no longest prefix, so each fact gets the intervals in which the longest prefix has it.
struct AddressSets {
    private let segments: [Segment]
    private let family: Family

    private struct Segment {
        let first: UInt128
        let last: UInt128
        let facts: Facts
    }

    init(_ prefixes: [PrefixFacts], _ direction: Direction, _ family: Family) {
        self.family = family
        // Nothing on the wire is for 0.0.0.0 or ::, which only connect() knows.
        let entries = prefixes.filter {
            $0.direction == direction && $0.range.isIPv4 == (family == .ipv4)
                && !($0.range.length == 128 && $0.range.address.isUnspecified)
        }.sorted { ($0.range.address, $0.range.length) < ($1.range.address, $1.range.length) }
        segments = Self.disjoint(entries.map { Segment(first: $0.range.first, last: $0.range.last, facts: $0.facts) })
    }

    /// Nested ranges, each after those around it, become ranges beside each other.
    private static func disjoint(_ nested: [Segment]) -> [Segment] {
        var result: [Segment] = []
        var around: [Segment] = []
        var next: UInt128 = 0
        func close(_ segment: Segment) {
            if next <= segment.last { result.append(Segment(first: next, last: segment.last, facts: segment.facts)) }
            next = max(next, segment.last &+ 1)
        }
        for segment in nested {
            while let outer = around.last, outer.last < segment.first {
                close(outer)
                around.removeLast()
            }
            if let outer = around.last, next < segment.first {
                result.append(Segment(first: next, last: segment.first - 1, facts: outer.facts))
            }
            next = segment.first
            around.append(segment)
        }
        while let outer = around.popLast() {
            close(outer)
            if outer.last == .max { break }
        }
        return result
    }

    /// Whether an address (`saddr` or `daddr`) has the fact.
    func match(_ fact: Facts, _ field: String) -> Match {
        let ranges = ranges(fact)
        if ranges.isEmpty { return .never }
        if ranges == [CIDR.all(family).bounds] { return .always }
        let set = SetText.of(ranges.map { SetText.interval($0, family) })
        return .one("\(family.word) \(field) \(set)", not: "\(family.word) \(field) != \(set)")
    }

    /// The addresses that have the fact, in order, with gaps between them.
    func ranges(_ fact: Facts) -> [ClosedRange<UInt128>] {
        var result: [ClosedRange<UInt128>] = []
        for segment in segments where segment.facts.contains(fact) {
            if let last = result.last, last.upperBound + 1 == segment.first {
                result[result.count - 1] = last.lowerBound...segment.last
            } else {
                result.append(segment.first...segment.last)
            }
        }
        return result
    }
}

extension CIDR {
    /// The ends as numbers, which are in the order of addresses.
    var first: UInt128 { UInt128(address.high) << 64 | UInt128(address.low) }
    var last: UInt128 { first | UInt128.max >> UInt128(length) }

    var bounds: ClosedRange<UInt128> { first...last }

    static func all(_ family: Family) -> CIDR {
        family == .ipv4 ? CIDR(containing: .any4, length: 96) : CIDR(containing: .any6, length: 0)
    }
}
