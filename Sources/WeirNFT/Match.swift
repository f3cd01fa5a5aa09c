/// How one fact is asked of a packet, in one family and for one transport.
enum Match: Hashable {
    /// The fact holds for every packet that gets here.
    case always
    case never
    /// One nft expression, and the expression of its contrary.
    case one(String, not: String)
    /// At least one of these expressions fits. None of them has a contrary: an expression about what a packet does
    /// not have (`meta skuid` of a packet without a socket file, which MPTCP subflows and kernel sockets send) fits
    /// neither way, but such a packet does not have the fact.
    case any([String])

    /// `any`, without the cases that are simpler than that.
    static func oneOf(_ expressions: [String]) -> Match {
        expressions.isEmpty ? .never : .any(expressions)
    }

    static func known(_ holds: Bool) -> Match { holds ? .always : .never }
}

/// One way in which a rule fits: all the matches fit, and none of the exceptions does.
struct Line: Hashable {
    var matches: [String] = []
    var exceptions: [String] = []

    var fitsAll: Bool { matches.isEmpty && exceptions.isEmpty }

    /// Whether a match already restricts it to the family.
    func isBound(to family: Family) -> Bool { matches.contains { $0.hasPrefix(family.word + " ") } }
}

enum Family: CaseIterable {
    case ipv4
    case ipv6

    /// nft's word for the protocol header.
    var word: String { self == .ipv4 ? "ip" : "ip6" }
    var match: String { self == .ipv4 ? "meta nfproto ipv4" : "meta nfproto ipv6" }
}
