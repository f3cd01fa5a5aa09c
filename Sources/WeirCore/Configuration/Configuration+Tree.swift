import Yams

/// A configuration as any encoder takes it.
public indirect enum ConfigurationTree: Encodable, Hashable, Sendable {
    case text(String)
    case number(Int)
    case bool(Bool)
    case list([ConfigurationTree])
    case mapping([String: ConfigurationTree])

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .number(let number): try container.encode(number)
        case .bool(let bool): try container.encode(bool)
        case .list(let values): try container.encode(values)
        case .mapping(let values): try container.encode(values)
        }
    }

    /// What is quoted is a text.
    fileprivate init(_ node: Node) {
        if let mapping = node.mapping {
            self = .mapping(
                Dictionary(
                    mapping.map { ($0.key.scalar?.string ?? "", ConfigurationTree($0.value)) },
                    uniquingKeysWith: { first, _ in first }))
        } else if let sequence = node.sequence {
            self = .list(sequence.map { ConfigurationTree($0) })
        } else {
            let text = node.scalar?.string ?? ""
            switch (node.scalar?.style, Int(text), Bool(text)) {
            case (.plain, let number?, _): self = .number(number)
            case (.plain, _, let bool?): self = .bool(bool)
            default: self = .text(text)
            }
        }
    }
}

extension Configuration {
    /// What `show()` writes, as values: the effective configuration with all defaults.
    public func tree() throws -> ConfigurationTree {
        try Yams.compose(yaml: show()).map { ConfigurationTree($0) } ?? .mapping([:])
    }
}
