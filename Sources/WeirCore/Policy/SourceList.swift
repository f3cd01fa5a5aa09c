/// The names that rules cite, each once, in the order of their first use.
struct SourceList {
    private(set) var names: [String] = []
    private var indices: [String: UInt16] = [:]

    mutating func index(of name: String) -> UInt16 {
        if let index = indices[name] { return index }
        let index = UInt16(names.count)
        names.append(name)
        indices[name] = index
        return index
    }
}
