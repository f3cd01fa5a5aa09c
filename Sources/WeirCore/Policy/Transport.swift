/// The transport of an attempt, with its number in the IP header.
public enum Transport: UInt8, Hashable, Sendable, CaseIterable, Codable {
    case tcp = 6
    case udp = 17
}

extension Transport {
    /// "tcp" or "udp".
    public var word: String { "\(self)" }
}
