/// The versions of the CNI specification that the plugin speaks, oldest first. 0.3.0 is still what Azure and Weave write.
public enum CNIVersion: String, CaseIterable, Comparable, Sendable {
    case v0_3_0 = "0.3.0"
    case v0_3_1 = "0.3.1"
    case v0_4_0 = "0.4.0"
    case v1_0_0 = "1.0.0"
    case v1_1_0 = "1.1.0"

    public static let newest = v1_1_0

    public static func < (one: CNIVersion, other: CNIVersion) -> Bool {
        allCases.firstIndex(of: one) ?? 0 < allCases.firstIndex(of: other) ?? 0
    }
}
