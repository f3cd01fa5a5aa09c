import Yams

/// A mapping of the file. Keys are taken one by one; what is left in the end is not known here.
struct YAMLMapping {
    let value: YAMLValue
    private var entries: [String: (key: Node, value: Node)] = [:]
    private var known: [String] = []

    /// - Returns: nil, with a complaint, when the value is something else.
    /// - Parameter what: what the mapping is, for the complaint.
    init?(_ value: YAMLValue, _ what: String) {
        self.value = value
        guard !value.isNull else { return }
        guard let mapping = value.node.mapping else {
            let hint = value.text?.contains(/\w:\S/) == true ? "; write a space after each colon" : ""
            value.complain("should be \(what) with keys of its own, but is \(value.kind)\(hint)")
            return nil
        }
        for (key, entry) in mapping {
            guard let name = key.scalar?.string else {
                value.complain("has a key that is a list or a mapping; write a word")
                continue
            }
            entries[name] = (key, entry)
        }
    }

    func path(of key: String) -> String {
        value.path.isEmpty ? key : "\(value.path).\(key)"
    }

    /// The value of a key, which is known from now on; nil when it is not there.
    mutating func take(_ key: String) -> YAMLValue? {
        known.append(key)
        guard let entry = entries.removeValue(forKey: key) else { return nil }
        value.problems.note(path(of: key), line: entry.key.mark?.line)
        return YAMLValue(node: entry.value, path: path(of: key), problems: value.problems)
    }

    /// All values, for mappings whose keys are free.
    mutating func takeAll() -> [(key: String, value: YAMLValue)] {
        entries.keys.sorted().compactMap { key in take(key).map { (key, $0) } }
    }

    /// Whether it has keys that nobody took.
    var hasOthers: Bool { !entries.isEmpty }

    /// Complains about the keys that nobody took.
    func finish() {
        for (name, entry) in entries {
            let hint =
                Spelling.nearest(to: name, among: known).map { "did you mean \"\($0)\"?" }
                ?? "the keys here are \(known.joined(separator: ", "))"
            value.problems.add("there is no such key; \(hint)", at: entry.key.mark?.line, path(of: name))
        }
    }
}
