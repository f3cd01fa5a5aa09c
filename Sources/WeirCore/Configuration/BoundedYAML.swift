internal import CYaml
import Yams

/// YAML from outside. It is walked event by event, which costs as much as the text is long, before a tree is made of it:
/// a tree's aliases multiply, and the library hashes keys whatever they are.
public enum BoundedYAML {
    public struct Limits: Sendable {
        public let bytes: Int
        let depth: Int
        /// After each alias has been replaced by what it stands for.
        let nodes: Int
        let allowsAliases: Bool

        /// The operator's own: room for some ten thousand workloads.
        public static let configuration = Limits(bytes: 16 << 20, depth: 32, nodes: 1_000_000, allowsAliases: true)
        public static let kubeconfig = Limits(bytes: 4 << 20, depth: 32, nodes: 100_000, allowsAliases: true)
        /// What a pod may say. Kubernetes keeps 256 KiB of annotations (TotalAnnotationSizeLimitB).
        static let annotation = Limits(bytes: 256 << 10, depth: 32, nodes: 200_000, allowsAliases: false)
    }

    /// What is wrong with a text, before anything is read of it.
    struct Problem: Error {
        let sentence: String
        /// From 1.
        let line: Int?
    }

    /// Keys are words. The library runs regular expressions over them.
    static let longestKey = 1024

    /// - Throws: `Problem`, or what the library says of a text that is not YAML.
    static func compose(_ text: String, _ limits: Limits) throws -> Node? {
        if let problem = problem(text, limits) { throw problem }
        return try Yams.compose(yaml: text)
    }

    /// - Throws: a sentence, when the text is over a limit.
    public static func check(_ text: String, _ limits: Limits) throws(InvalidValue) {
        if let problem = problem(text, limits) { throw InvalidValue(problem.sentence) }
    }

    private static func problem(_ text: String, _ limits: Limits) -> Problem? {
        guard text.utf8.count <= limits.bytes else {
            return Problem(
                sentence: "is \(text.utf8.count) bytes long, and \(limits.bytes) are read; shorten it", line: nil)
        }
        // The parser keeps a pointer to itself, so it must not move.
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { parser.deallocate() }
        guard yaml_parser_initialize(parser) == 1 else { return Problem(sentence: "there is no memory", line: nil) }
        defer { yaml_parser_delete(parser) }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        var text = text
        return text.withUTF8 { bytes in
            yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
            var walk = Walk(limits: limits)
            while true {
                var event = yaml_event_t()
                // What is not YAML is for the library to say, which stops there too.
                guard yaml_parser_parse(parser, &event) == 1 else { return nil }
                defer { yaml_event_delete(&event) }
                if event.type == YAML_STREAM_END_EVENT { return nil }
                if let sentence = walk.take(event) {
                    return Problem(sentence: sentence, line: Int(event.start_mark.line) + 1)
                }
            }
        }
    }
}

/// Counts what a text would come to.
private struct Walk {
    let limits: BoundedYAML.Limits
    private var nodes = 0
    private var open: [Collection] = []
    /// How many nodes an alias stands for.
    private var sizes: [String: Int] = [:]

    private struct Collection {
        let isMapping: Bool
        let anchor: String?
        /// The number of nodes before it.
        let start: Int
        var awaitsKey: Bool
    }

    init(limits: BoundedYAML.Limits) {
        self.limits = limits
    }

    /// - Returns: what is wrong.
    mutating func take(_ event: yaml_event_t) -> String? {
        switch event.type {
        case YAML_SCALAR_EVENT:
            let isLong = event.data.scalar.length > BoundedYAML.longestKey
            if takeKey(), isLong { return "a key is longer than \(BoundedYAML.longestKey) bytes; write a word" }
            nodes += 1
            note(anchor: Self.name(event.data.scalar.anchor), size: 1)
        case YAML_SEQUENCE_START_EVENT:
            return enter(isMapping: false, Self.name(event.data.sequence_start.anchor))
        case YAML_MAPPING_START_EVENT:
            return enter(isMapping: true, Self.name(event.data.mapping_start.anchor))
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            if let ended = open.popLast() { note(anchor: ended.anchor, size: nodes - ended.start) }
        case YAML_ALIAS_EVENT:
            let name = Self.name(event.data.alias.anchor) ?? ""
            guard limits.allowsAliases else { return "an alias (*\(name)) stands in it; write out what it stands for" }
            if takeKey() { return "a key is an alias; write a word" }
            // One that is not known is for the library to refuse.
            nodes += sizes[name] ?? 1
        default: break
        }
        guard nodes <= limits.nodes else {
            return "comes to more than \(limits.nodes) values, its aliases written out; shorten it"
        }
        return nil
    }

    private mutating func enter(isMapping: Bool, _ anchor: String?) -> String? {
        if takeKey() { return "a key is a list or a mapping; write a word" }
        guard open.count < limits.depth else { return "is nested more than \(limits.depth) deep; write it flatter" }
        open.append(Collection(isMapping: isMapping, anchor: anchor, start: nodes, awaitsKey: isMapping))
        nodes += 1
        return nil
    }

    /// Whether what comes now is a key.
    private mutating func takeKey() -> Bool {
        guard let last = open.indices.last, open[last].isMapping else { return false }
        defer { open[last].awaitsKey.toggle() }
        return open[last].awaitsKey
    }

    private mutating func note(anchor: String?, size: Int) {
        if let anchor { sizes[anchor] = size }
    }

    private static func name(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        text.map { String(cString: $0) }
    }
}
