/// Which receivers get bytes by the same-node short cut.
public enum Acceleration: String, Hashable, Sendable, CaseIterable, Codable {
    case off
    case proxies
    case full
    /// What the running kernel's self-test allows, within what the profile says of its proxy.
    case auto
}
