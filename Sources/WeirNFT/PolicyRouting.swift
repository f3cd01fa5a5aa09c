/// The routing that TPROXY mode needs beside its rules: what carries the mark is for this namespace, whatever its
/// address. Packets get it that answer a connection which the proxy opened from its client's address.
public struct PolicyRouting: Hashable, Sendable {
    public let mark: UInt32
    public let families: [String]

    /// Number of the routing table and preference of the rule, by which Weir's are known: "we".
    public static let number = 0x7765

    init(mark: UInt32, captured: Set<Family>) {
        self.mark = mark
        families = (captured.contains(.ipv4) ? ["-4"] : []) + (captured.contains(.ipv6) ? ["-6"] : [])
    }

    /// Arguments of `ip`, a command each. Done again they fail with "File exists".
    public var additions: [[String]] {
        families.flatMap { family in
            [
                Self.command("\(family) route replace local default dev lo table \(Self.number)"),
                Self.command("\(family) rule add pref \(Self.number) fwmark \(mark) lookup \(Self.number)"),
            ]
        }
    }

    /// Arguments of `ip`, a command each, whatever was added. Without anything to remove they fail.
    public static let removals: [[String]] = ["-4", "-6"].flatMap { family in
        [command("\(family) rule del pref \(number)"), command("\(family) route flush table \(number)")]
    }

    private static func command(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
}
