internal import CWeirABI

/// One direction of a dialect's table, compiled for a specification: rows that cannot fit are left out, and so is
/// everything after a row that always fits.
struct RuleTable {
    /// The rules; the last one fits everything.
    private(set) var rules: [Rule] = []
    /// The facts that some rule asks for.
    private(set) var facts: Facts = []

    /// - Parameter available: the facts that can be set at all under this specification.
    /// - Throws: a sentence that names the dialect, when there are more rules than the kernel takes.
    init(
        _ direction: Direction, _ specification: PolicySpecification, available: Facts, sources: inout SourceList
    ) throws(InvalidValue) {
        let dialect = specification.dialect
        for template in Self.families + (direction == .outbound ? dialect.outbound : dialect.inbound) {
            guard Self.stands(template, specification) else { continue }
            let template = template.verdict == .dns ? Self.ofResolver(template, specification) : template
            append(template, available: available, source: specification.origin(of: template.setting), &sources)
            if rules.last?.care == [] { break }
        }
        guard rules.last?.care == [] else {
            throw InvalidValue(
                "the \(direction.word) table of the \(dialect.name) dialect does not end in a rule for all; add one")
        }
        guard rules.count <= Int(WEIR_MAX_RULES) else {
            throw InvalidValue(
                "the \(direction.word) table of the \(dialect.name) dialect has \(rules.count) rules, "
                    + "and the kernel takes \(WEIR_MAX_RULES); shorten it"
            )
        }
    }

    /// What goes before every dialect's table.
    private static let families = [
        RuleTemplate(.direct, .family, if: .ipv6, whenNot: [.ipv6Captured], cite: .ipv6),
        RuleTemplate(.direct, .family, unless: .ipv6, whenNot: [.ipv4Captured], cite: .outboundPort),
    ]

    private static func stands(_ template: RuleTemplate, _ specification: PolicySpecification) -> Bool {
        let port: UInt16? =
            switch template.verdict {
            case .outbound: specification.outboundPort
            case .inbound: specification.inboundPort
            case .dns: specification.dnsPort
            case .direct, .fallback, .refuse: 0
            }
        return port != nil && template.conditions.allSatisfy(specification.satisfies)
            && !template.exceptions.contains(where: specification.satisfies)
    }

    /// A resolver that listens for one family alone gets no queries of the other.
    private static func ofResolver(_ template: RuleTemplate, _ specification: PolicySpecification) -> RuleTemplate {
        let hasNone4 = specification.dnsAddress4?.isUnspecified == true
        let hasNone6 = specification.dnsAddress6?.isUnspecified == true
        return RuleTemplate(
            template.verdict, template.reason, by: template.any,
            if: template.required.union(hasNone4 ? .ipv6 : []), unless: template.forbidden.union(hasNone6 ? .ipv6 : []),
            when: template.conditions, whenNot: template.exceptions, cite: template.setting)
    }

    private mutating func append(
        _ template: RuleTemplate, available: Facts, source: String, _ sources: inout SourceList
    ) {
        guard available.isSuperset(of: template.required) else { return }
        let forbidden = template.forbidden.intersection(available)
        guard forbidden.isDisjoint(with: template.required) else { return }
        // "At least one of these" is one rule for each, because a rule can only ask for all of its bits.
        for fact in template.any == [] ? [[]] : template.any.intersection(available).single {
            let want = template.required.union(fact)
            guard want.isDisjoint(with: forbidden) else { continue }
            let care = want.union(forbidden)
            rules.append(
                Rule(
                    care: care, want: want, verdict: template.verdict, reason: template.reason,
                    source: sources.index(of: source)))
            facts.formUnion(care)
        }
    }
}

extension Facts {
    /// The set's bits, each as a set of its own, lowest first.
    var single: [Facts] {
        (0..<UInt32(UInt32.bitWidth)).map { Facts(rawValue: 1 << $0) }.filter(isSuperset)
    }
}
