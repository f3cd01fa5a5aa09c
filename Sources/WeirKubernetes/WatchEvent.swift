import Foundation
import WeirCore

/// One event of a watch of pods (kubernetes.io, "Efficient detection of changes").
enum WatchEvent {
    case changed(Pod)
    case deleted(Pod)
    case odd(OddObject)
    /// Only says how far the watch has come.
    case bookmark(String)

    var version: String? {
        switch self {
        case .changed(let pod), .deleted(let pod): pod.metadata.resourceVersion
        case .odd(let object): object.version
        case .bookmark(let version): version
        }
    }

    /// - Parameter line: of the watch. One that cannot be read is an event, too: those after it are.
    /// - Throws: `APIError` for an ERROR event.
    init(_ line: Data) throws(APIError) {
        do {
            let decoder = JSONDecoder()
            switch try decoder.decode(Kind.self, from: line).type {
            case "DELETED": self = .deleted(try decoder.decode(Object<Pod>.self, from: line).object)
            case "BOOKMARK":
                self = .bookmark(try decoder.decode(Object<Bookmark>.self, from: line).object.metadata.resourceVersion)
            case "ERROR": throw try decoder.decode(Object<StatusObject>.self, from: line).object.error(500)
            case "ADDED", "MODIFIED": self = .changed(try decoder.decode(Object<Pod>.self, from: line).object)
            case let other:
                throw InvalidValue("it is an event of the kind \"\(other.prefix(40))\", which the API has not")
            }
        } catch let error as APIError {
            throw error
        } catch {
            self = .odd(OddObject(error, inEvent: line))
        }
    }

    private struct Kind: Decodable { let type: String }
    private struct Object<Value: Decodable>: Decodable { let object: Value }
    private struct Bookmark: Decodable {
        struct Metadata: Decodable { let resourceVersion: String }
        let metadata: Metadata
    }
}
