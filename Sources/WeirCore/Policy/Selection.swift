/// Everything, or what is listed. An empty list is nothing, never everything.
public enum Selection<Element: Hashable & Sendable>: Hashable, Sendable {
    case all
    case listed([Element])

    /// The listed elements; none for `all`.
    public var list: [Element] {
        if case .listed(let elements) = self { return elements }
        return []
    }

    public var isListed: Bool { self != .all }
}

extension Selection: Codable where Element: Codable {}
