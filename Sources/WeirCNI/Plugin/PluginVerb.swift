/// CNI_COMMAND.
public enum PluginVerb: String, Sendable, CaseIterable {
    case add = "ADD"
    case del = "DEL"
    case check = "CHECK"
    case status = "STATUS"
    case gc = "GC"
    case version = "VERSION"

    /// The specification that has it first.
    var since: CNIVersion {
        switch self {
        case .add, .del, .version: .v0_3_0
        case .check: .v0_4_0
        case .status, .gc: .v1_1_0
        }
    }

    /// The variables that must be set: CNI specification 1.1.0, section 4.
    var requiredVariables: [String] {
        switch self {
        case .add, .check: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]
        case .del: ["CNI_CONTAINERID", "CNI_IFNAME"]
        case .status, .gc, .version: []
        }
    }
}
