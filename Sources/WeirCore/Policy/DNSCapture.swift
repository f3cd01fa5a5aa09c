/// Which DNS queries go to the proxy's DNS port.
public enum DNSCapture: Hashable, Sendable, Codable {
    case off
    case all
    /// Those to these servers; none captures nothing, and then counts as off.
    case servers([Address])
}
