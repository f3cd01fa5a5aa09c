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

    /// - Throws: the first problem.
    static func compose(_ text: String, _ limits: Limits) throws(Problem) -> Node? {
        let reading = read(text, limits, most: 1)
        if let first = reading.problems.first { throw first }
        return reading.root
    }

    /// - Throws: a sentence, when the text is over a limit.
    public static func check(_ text: String, _ limits: Limits) throws(InvalidValue) {
        if let problem = examine(text, limits).limit { throw InvalidValue(problem.sentence) }
    }

    /// What a text says, and what is wrong with it.
    struct Reading {
        var root: Node?
        var problems: [Problem] = []
        /// What was made harmless to read on after the first problem.
        var repair: YAMLRepair?
    }

    /// Finds all mistakes that can be found at once: each is made harmless, and the rest is read.
    /// - Parameter most: mistakes after which it stops.
    static func read(_ text: String, _ limits: Limits, most: Int = 20) -> Reading {
        let text = withoutMark(text)
        let examination = examine(text, limits)
        if let limit = examination.limit { return Reading(problems: [limit]) }
        guard examination.isClean else {
            var repair = YAMLRepair(text, limits)
            repair.run(examination, most: most)
            var reading = Reading(problems: repair.problems, repair: repair)
            if repair.isComplete { reading.root = try? Yams.compose(yaml: repair.text) }
            return reading
        }
        do {
            return Reading(root: try Yams.compose(yaml: text))
        } catch {
            return Reading(problems: [Problem(sentence: "this is not YAML: \(error)", line: nil)])
        }
    }

    /// A byte order mark in front of a text says nothing. The parser takes it for the first line's first column.
    public static func withoutMark(_ text: String) -> String {
        text.unicodeScalars.first == "\u{feff}" ? String(text.unicodeScalars.dropFirst()) : text
    }

    /// What one walk over a text has found.
    struct Examination {
        /// Nothing is read of it then.
        var limit: Problem?
        /// Where the parser has stopped.
        var fault: YAMLFault?
        /// What a parser takes and a reader does not.
        var slips: [YAMLSlip] = []
        var isClean: Bool { fault == nil && slips.isEmpty }
    }

    static func examine(_ text: String, _ limits: Limits) -> Examination {
        var found = Examination()
        guard text.utf8.count <= limits.bytes else {
            found.limit = Problem(
                sentence: "is \(text.utf8.count) bytes long, and \(limits.bytes) are read; shorten it", line: nil)
            return found
        }
        // The parser keeps a pointer to itself, so it must not move.
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { parser.deallocate() }
        guard yaml_parser_initialize(parser) == 1 else {
            found.limit = Problem(sentence: "there is no memory", line: nil)
            return found
        }
        defer { yaml_parser_delete(parser) }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        var text = text
        text.withUTF8 { bytes in
            yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
            var walk = Walk(limits: limits)
            defer { found.slips = walk.slips }
            while true {
                var event = yaml_event_t()
                guard yaml_parser_parse(parser, &event) == 1 else {
                    found.fault = YAMLFault(parser.pointee)
                    return
                }
                defer { yaml_event_delete(&event) }
                if event.type == YAML_STREAM_END_EVENT { return }
                if let sentence = walk.take(event) {
                    found.limit = Problem(sentence: sentence, line: Int(event.start_mark.line) + 1)
                    return
                }
                if walk.hasEnded { return }
            }
        }
        return found
    }
}

/// Counts what a text would come to.
private struct Walk {
    let limits: BoundedYAML.Limits
    private var nodes = 0
    private var open: [Collection] = []
    /// How many nodes an alias stands for.
    private var sizes: [String: Int] = [:]
    private var documents = 0
    /// What is no mistake of YAML, and one all the same.
    private(set) var slips: [YAMLSlip] = []
    /// Whether a second document begins, of which nothing is read.
    private(set) var hasEnded = false

    private struct Collection {
        let isMapping: Bool
        let anchor: String?
        /// The number of nodes before it.
        let start: Int
        var awaitsKey: Bool
        /// The line, from 0, of each key.
        var keys: [String: Int] = [:]
    }

    init(limits: BoundedYAML.Limits) {
        self.limits = limits
    }

    /// - Returns: what is wrong.
    mutating func take(_ event: yaml_event_t) -> String? {
        switch event.type {
        case YAML_SCALAR_EVENT:
            let isLong = event.data.scalar.length > BoundedYAML.longestKey
            if takeKey() {
                if isLong { return "a key is longer than \(BoundedYAML.longestKey) bytes; write a word" }
                note(key: event)
            }
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
            if sizes[name] == nil { slips.append(YAMLSlip(.unknownAlias(name), event)) }
            nodes += sizes[name] ?? 1
        case YAML_DOCUMENT_START_EVENT:
            documents += 1
            hasEnded = documents > 1
            if hasEnded { slips.append(YAMLSlip(.secondDocument, event)) }
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

    private mutating func note(key event: yaml_event_t) {
        guard let last = open.indices.last else { return }
        let scalar = event.data.scalar
        let key = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
        let line = Int(event.start_mark.line)
        if let first = open[last].keys[key] {
            slips.append(YAMLSlip(.repeatedKey(key, first: first + 1), event))
        } else {
            open[last].keys[key] = line
        }
    }

    private mutating func note(anchor: String?, size: Int) {
        if let anchor { sizes[anchor] = size }
    }

    private static func name(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        text.map { String(cString: $0) }
    }
}
