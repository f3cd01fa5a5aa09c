extension Pod.Metadata {
    private enum Key: String, CodingKey {
        case name, namespace, uid, resourceVersion, creationTimestamp, labels, annotations, deletionTimestamp
        case ownerReferences
    }

    /// - Throws: also when what names the pod could not be a name, which it becomes in paths and addresses.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        name = try fields.decode(String.self, forKey: .name)
        namespace = try fields.decode(String.self, forKey: .namespace)
        uid = try fields.decode(String.self, forKey: .uid)
        for (key, value, isName) in [
            (Key.name, name, PodName.isName(name)), (.namespace, namespace, PodName.isName(namespace)),
            (.uid, uid, PodName.isUID(uid)),
        ] where !isName {
            throw DecodingError.dataCorruptedError(
                forKey: key, in: fields, debugDescription: "\(value.count) characters that are no \(key.rawValue)")
        }
        resourceVersion = try fields.decodeIfPresent(String.self, forKey: .resourceVersion)
        creationTimestamp = try fields.decodeIfPresent(String.self, forKey: .creationTimestamp)
        deletionTimestamp = try fields.decodeIfPresent(String.self, forKey: .deletionTimestamp)
        ownerReferences = try fields.decodeIfPresent([Pod.Owner].self, forKey: .ownerReferences)
        labels = try fields.decodeIfPresent(KnownEntries.self, forKey: .labels)?.entries
        annotations = try fields.decodeIfPresent(KnownEntries.self, forKey: .annotations)?.entries
    }
}

/// Labels or annotations, as `ObjectTrimmer` leaves them. An API server that sends null means none.
private struct KnownEntries: Decodable {
    let entries: [String: String]

    init(from decoder: any Decoder) throws {
        entries = try decoder.singleValueContainer().decode([String: String?].self).mapValues { $0 ?? "" }
        guard entries.count <= ObjectTrimmer.limit else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath,
                    debugDescription: "more than \(ObjectTrimmer.limit) of them are meshes', and no more are read"))
        }
    }
}

/// What may name a pod: names are parts of paths of cgroups, files and the API.
public enum PodName {
    /// RFC 1123, as the API has it for pods and namespaces.
    public static func isName(_ text: String) -> Bool {
        (1...253).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy { isLetterOrDigit($0) && !isUpper($0) || $0 == dash || $0 == dot }
    }

    /// A UUID, or a static pod's hash; the API's users may have chosen others.
    public static func isUID(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == dash }
    }

    private static let dash = UInt8(ascii: "-")
    private static let dot = UInt8(ascii: ".")

    private static func isUpper(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isUpper(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
