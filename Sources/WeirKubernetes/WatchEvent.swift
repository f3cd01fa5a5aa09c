import Foundation
import WeirCore

/// One event of a watch of pods (kubernetes.io, "Efficient detection of changes").
enum WatchEvent {
    case changed(PodObject)
    case deleted(PodObject)
    case odd(OddObject)
    /// Only says how far the watch has come.
    case bookmark(String)

    var version: String? {
        switch self {
        case .changed(let pod), .deleted(let pod): pod.version
        case .odd(let object): object.version
        case .bookmark(let version): version
        }
    }

    /// - Parameter line: of the watch. One that cannot be read is an event, too: those after it are.
    /// - Throws: `APIError` for an ERROR event.
    init(_ line: [UInt8]) throws(APIError) {
        let event = ObjectTrimmer(line)
        let data = Data(event.trimmed)
        do {
            switch (event.identity["type"], PodObject(inEvent: event)) {
            case ("ADDED", let pod?), ("MODIFIED", let pod?): self = .changed(pod)
            case ("DELETED", let pod?): self = .deleted(pod)
            case ("ADDED", nil), ("MODIFIED", nil), ("DELETED", nil):
                _ = try JSONDecoder().decode(Object<Pod>.self, from: data)
                throw InvalidValue("it has no names")
            case ("BOOKMARK", _):
                let bookmark = try JSONDecoder().decode(Object<Bookmark>.self, from: data).object
                self = .bookmark(bookmark.metadata.resourceVersion)
            case ("ERROR", _): throw try JSONDecoder().decode(Object<StatusObject>.self, from: data).object.error(500)
            case (let other?, _):
                throw InvalidValue("it is an event of the kind \"\(other.prefix(40))\", which the API has not")
            case (nil, _):
                _ = try JSONDecoder().decode(Kind.self, from: data)
                throw InvalidValue("it is an event of no kind")
            }
        } catch let error as APIError {
            throw error
        } catch {
            self = .odd(OddObject(error, inEvent: data))
        }
    }

    struct Object<Value: Decodable>: Decodable { let object: Value }
    private struct Kind: Decodable { let type: String }
    private struct Bookmark: Decodable {
        struct Metadata: Decodable { let resourceVersion: String }
        let metadata: Metadata
    }
}
