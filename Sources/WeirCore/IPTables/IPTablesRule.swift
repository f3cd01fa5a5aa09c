/// One rule: it fits when all of its matches do.
public struct IPTablesRule: Hashable, Sendable {
    /// As it was printed: "-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN"; of nftables the chain and the rule.
    public let text: String
    let chain: String
    let matches: [IPTablesMatch]
    let target: Target
    /// What it does to the packet's mark; nil for nothing.
    let markChange: MarkChange?
    /// The first option that is not understood. What the rule decides is then open where the others fit.
    public let unknown: String?

    enum Target: Hashable, Sendable {
        case jump(String)
        case goto(String)
        case accept
        case drop
        case `return`
        /// To a port of this namespace, or to another address. Nil: the port that was called.
        case redirect(UInt16?)
        /// Goes on to the next rule.
        case proceed
    }

    /// The bits of the mask are cleared, and then those of the value turned over.
    struct MarkChange: Hashable, Sendable {
        let value: UInt32
        let mask: UInt32
    }

    init(
        text: String, chain: String, matches: [IPTablesMatch], target: Target, markChange: MarkChange?, unknown: String?
    ) {
        (self.text, self.chain, self.matches, self.target) = (text, chain, matches, target)
        (self.markChange, self.unknown) = (markChange, unknown)
    }

    init(_ text: String, isIPv6: Bool) {
        var reader = IPTablesRuleReader(text, isIPv6: isIPv6)
        reader.read()
        self.init(
            text: text, chain: reader.chain, matches: reader.matches, target: reader.target,
            markChange: reader.markChange, unknown: reader.unknown)
    }
}

/// A condition of a rule; `isNegated` is the exclamation mark before it.
struct IPTablesMatch: Hashable, Sendable {
    let isNegated: Bool
    let condition: Condition

    enum Condition: Hashable, Sendable {
        /// Nil: neither TCP nor UDP.
        case transport(Transport?)
        case source(CIDR)
        case destination(CIDR)
        case input(String)
        case output(String)
        case ports([PortRange])
        case user(ClosedRange<UInt32>)
        case group(ClosedRange<UInt32>)
        case destinationIsLocal
        /// Whether the packet may be the first of a connection.
        case new(Bool)
        case mark(UInt32, mask: UInt32)
    }

    func fits(_ attempt: Attempt, input: String?, output: String?) -> Bool {
        holds(attempt, input, output) != isNegated
    }

    private func holds(_ attempt: Attempt, _ input: String?, _ output: String?) -> Bool {
        switch condition {
        case .transport(let transport): attempt.transport == transport
        case .source(let range): attempt.source.map(range.contains) ?? false
        case .destination(let range): range.contains(attempt.destination)
        case .input(let name): Self.matches(name, input)
        case .output(let name): Self.matches(name, output)
        case .ports(let ranges): ranges.contains { $0.contains(attempt.port) }
        // Only what a socket of this namespace sends has an owner.
        case .user(let ids): attempt.direction == .outbound && ids.contains(attempt.uid)
        case .group(let ids): attempt.direction == .outbound && ids.contains(attempt.gid)
        case .destinationIsLocal: attempt.isLocal
        case .new(let isNew): isNew
        case .mark(let mark, let mask): attempt.mark & mask == mark
        }
    }

    private static func matches(_ name: String, _ interface: String?) -> Bool {
        guard let interface else { return false }
        return name.last == "+" ? interface.hasPrefix(name.dropLast()) : interface == name
    }
}
