/// A mesh's order of evaluation: one table of rules a direction; the first row that fits decides.
/// A row without facts ends the table, so every table ends in one.
public struct Dialect: Hashable, Sendable {
    public let name: String
    public let outbound: [RuleTemplate]
    public let inbound: [RuleTemplate]
    /// Whether inbound exclusions mean nothing when inbound ports are listed.
    public let listedPortsBeatExclusions: Bool

    public init(name: String, outbound: [RuleTemplate], inbound: [RuleTemplate], listedPortsBeatExclusions: Bool) {
        self.name = name
        self.outbound = outbound
        self.inbound = inbound
        self.listedPortsBeatExclusions = listedPortsBeatExclusions
    }

    /// All dialects that come with Weir.
    public static let all = [istio, linkerd, kuma, osm, custom]

    /// The dialect with this name; nil when there is none.
    public static func named(_ name: String) -> Dialect? {
        all.first { $0.name == name }
    }
}

/// By its name.
extension Dialect: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let name = try container.decode(String.self)
        guard let found = Dialect.named(name) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "there is no dialect \(name)")
        }
        self = found
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }
}

extension Dialect: CustomStringConvertible {
    public var description: String { name }
}
