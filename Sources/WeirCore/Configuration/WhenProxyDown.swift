/// What happens to a connection while the proxy does not listen: `enum weir_when_proxy_down`, with its numbers.
public enum WhenProxyDown: UInt8, Hashable, Sendable, CaseIterable, Codable {
    /// It is refused, as with iptables.
    case refuse = 0
    /// Weir's own proxy passes it on.
    case fallback = 1
    /// It is not redirected.
    case direct = 2

    public var word: String { "\(self)" }

    public init?(word: String) {
        guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }
}
