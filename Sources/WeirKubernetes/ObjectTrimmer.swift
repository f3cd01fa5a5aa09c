/// Leaves out of a pod's JSON what nobody here reads and its owner may make large: labels and annotations that no mesh
/// has, and `managedFields`.
///
/// A decoder takes 100 ns for each name of an object, also of one that is not asked for; this takes one for each byte.
/// Only strings and brackets are looked at, as in `ObjectSplitter`: what is no JSON comes out so that it still is none.
struct ObjectTrimmer {
    /// Parts of the names of labels and annotations that are read.
    private static let known = [
        "istio.io/", "linkerd.io/", "kuma.io/", "openservicemesh.io/", "weir.io/", "kubernetes.io/config.",
        "osm-proxy-uuid",
    ].map { Array($0.utf8) }
    /// Of others, so many may be a known one whose name is misspelt, in a pod that people have written.
    private static let handWritten = 64
    /// Of all that are left; of all meshes together there are some eighty. One more says that there were too many.
    static let limit = 256 + handWritten

    private let json: [UInt8]
    private(set) var trimmed: [UInt8] = []
    /// What the object's own metadata say of it, and an event's "type"; without those that have an escape, which no name
    /// has.
    private(set) var identity: [String: String] = [:]
    /// Up to where `json` was copied or left out.
    private var copied = 0

    /// - Parameter json: of a pod, or of an event with one.
    init(_ json: [UInt8]) {
        self.json = json
        trimmed.reserveCapacity(min(json.count, 16 << 10))
        /// Of brackets, and of those around what is in the metadata.
        var depth = 0
        var metadataDepth: Int?
        var index = 0
        while index < json.count {
            guard json[index] == Self.quote else {
                switch json[index] {
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
                default: break
                }
                index += 1
                continue
            }
            let key = index..<Self.endOfString(json, index)
            index = key.upperBound
            let colon = Self.skipSpace(json, index)
            guard colon < json.count, json[colon] == UInt8(ascii: ":") else { continue }
            index = Self.skipSpace(json, colon + 1)
            guard index < json.count else { break }
            switch json[index] {
            case UInt8(ascii: "{") where Self.isEqual(json, key, "labels") || Self.isEqual(json, key, "annotations"):
                guard let entries = Entries(json, index) else { continue }
                leaveOut(index..<entries.end, for: entries.kept)
                index = entries.end
            case UInt8(ascii: "[") where Self.isEqual(json, key, "managedFields"):
                let end = Self.endOfValue(json, index)
                leaveOut(index..<end, for: Array("[]".utf8))
                index = end
            case UInt8(ascii: "{") where metadataDepth == nil && depth <= 2 && Self.isEqual(json, key, "metadata"):
                metadataDepth = depth + 1
            case Self.quote where depth == metadataDepth || depth == 1:
                let value = index..<Self.endOfString(json, index)
                index = value.upperBound
                let text = json[value].dropFirst().dropLast()
                guard key.count <= 20, text.count <= 300, !text.contains(Self.backslash) else { continue }
                let name = String(decoding: json[key].dropFirst().dropLast(), as: UTF8.self)
                if identity[name] == nil { identity[name] = String(decoding: text, as: UTF8.self) }
            default: break
            }
        }
        trimmed += json[copied...]
    }

    private mutating func leaveOut(_ range: Range<Int>, for replacement: [UInt8]) {
        trimmed += json[copied..<range.lowerBound]
        trimmed += replacement
        copied = range.upperBound
    }

    /// The members of one object.
    private struct Entries {
        /// After its closing bracket.
        let end: Int
        let kept: [UInt8]

        /// - Parameter start: of the opening bracket.
        /// - Returns: nil for what is no JSON.
        init?(_ bytes: [UInt8], _ start: Int) {
            var kept: [UInt8] = []
            var keptCount = 0
            var others: [Range<Int>] = []
            var otherCount = 0
            var index = ObjectTrimmer.skipSpace(bytes, start + 1)
            while index < bytes.count, bytes[index] == ObjectTrimmer.quote {
                let key = index..<ObjectTrimmer.endOfString(bytes, index)
                index = ObjectTrimmer.skipSpace(bytes, key.upperBound)
                guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else { return nil }
                let end = ObjectTrimmer.endOfValue(bytes, ObjectTrimmer.skipSpace(bytes, index + 1))
                if keptCount <= ObjectTrimmer.limit, ObjectTrimmer.isKnown(bytes, key) {
                    keptCount += 1
                    kept.append(kept.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
                    for place in key.lowerBound..<end { kept.append(bytes[place]) }
                } else {
                    otherCount += 1
                    if otherCount <= ObjectTrimmer.handWritten { others.append(key) }
                }
                index = ObjectTrimmer.skipSpace(bytes, end)
                guard index < bytes.count, bytes[index] == UInt8(ascii: ",") else { break }
                index = ObjectTrimmer.skipSpace(bytes, index + 1)
            }
            guard index < bytes.count, bytes[index] == UInt8(ascii: "}") else { return nil }
            if otherCount <= ObjectTrimmer.handWritten {
                // Their names are enough to say what is misspelt.
                for key in others {
                    kept.append(kept.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
                    for place in key { kept.append(bytes[place]) }
                    kept += Array(#":"""#.utf8)
                }
            }
            if kept.isEmpty { kept.append(UInt8(ascii: "{")) }
            kept.append(UInt8(ascii: "}"))
            self.kept = kept
            end = index + 1
        }
    }
}

// What JSON is made of (RFC 8259). Each takes a place in it and returns one, at most the end.
extension ObjectTrimmer {
    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")

    private static func skipSpace(_ bytes: [UInt8], _ start: Int) -> Int {
        var index = start
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x09, 0x0a, 0x0d: index += 1
            default: return index
            }
        }
        return index
    }

    /// - Parameter start: of the opening quote.
    private static func endOfString(_ bytes: [UInt8], _ start: Int) -> Int {
        var index = start + 1
        while index < bytes.count {
            switch bytes[index] {
            case quote: return index + 1
            case backslash: index += 2
            default: index += 1
            }
        }
        return bytes.count
    }

    private static func endOfValue(_ bytes: [UInt8], _ start: Int) -> Int {
        var index = start
        var depth = 0
        while index < bytes.count {
            switch bytes[index] {
            case quote:
                index = endOfString(bytes, index)
                if depth == 0 { return index }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                // One that closes what is around the value.
                if depth == 0 { return index }
                depth -= 1
                if depth == 0 { return index + 1 }
            case UInt8(ascii: ",") where depth == 0: return index
            default: break
            }
            index += 1
        }
        return bytes.count
    }

    /// - Parameter key: with its quotes.
    private static func isEqual(_ bytes: [UInt8], _ key: Range<Int>, _ name: StaticString) -> Bool {
        key.count == name.utf8CodeUnitCount + 2
            && (0..<name.utf8CodeUnitCount).allSatisfy { bytes[key.lowerBound + 1 + $0] == name.utf8Start[$0] }
    }

    /// One with an escape may be any; the API server writes none into names.
    private static func isKnown(_ bytes: [UInt8], _ key: Range<Int>) -> Bool {
        key.contains { bytes[$0] == backslash }
            || known.contains { part in
                guard part.count <= key.count else { return false }
                return (key.lowerBound...key.upperBound - part.count).contains { start in
                    part.indices.allSatisfy { bytes[start + $0] == part[$0] }
                }
            }
    }
}
