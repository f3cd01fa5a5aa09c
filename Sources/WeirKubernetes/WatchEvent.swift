import Foundation

/// One event of a watch of pods (kubernetes.io, "Efficient detection of changes").
enum WatchEvent {
    case changed(Pod)
    case deleted(Pod)
    /// Only says how far the watch has come.
    case bookmark(String)

    var version: String? {
        switch self {
        case .changed(let pod), .deleted(let pod): pod.metadata.resourceVersion
        case .bookmark(let version): version
        }
    }

    /// - Throws: `APIError` for an ERROR event.
    init(_ data: Data) throws {
        let decoder = JSONDecoder()
        switch try decoder.decode(Kind.self, from: data).type {
        case "DELETED": self = .deleted(try decoder.decode(Object<Pod>.self, from: data).object)
        case "BOOKMARK":
            self = .bookmark(try decoder.decode(Object<Bookmark>.self, from: data).object.metadata.resourceVersion)
        case "ERROR": throw try decoder.decode(Object<StatusObject>.self, from: data).object.error(500)
        default: self = .changed(try decoder.decode(Object<Pod>.self, from: data).object)
        }
    }

    private struct Kind: Decodable { let type: String }
    private struct Object<Value: Decodable>: Decodable { let object: Value }
    private struct Bookmark: Decodable {
        struct Metadata: Decodable { let resourceVersion: String }
        let metadata: Metadata
    }
}
