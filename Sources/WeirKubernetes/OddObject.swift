import Foundation

/// A pod's object, or a line of the watch, that cannot be read. The others are; what is in force for its pod stays.
public struct OddObject: Sendable, Hashable {
    /// "shop/cart-0"; nil where not even that can be read.
    public let name: String?
    public let uid: String?
    /// Why not, and what becomes of the pod.
    public let sentence: String

    /// How far the watch has come with it.
    let version: String?

    init(_ error: any Error, in object: Data) {
        let identity = try? JSONDecoder().decode(Identity.self, from: object)
        self.init(Self.reason(error), identity?.metadata)
    }

    /// An object of a watch's event.
    init(_ error: any Error, inEvent event: Data) {
        let identity = try? JSONDecoder().decode(Event.self, from: event)
        self.init(Self.reason(error), identity?.object?.metadata)
    }

    /// One that is too large to be kept.
    init(largerThan limit: Int) {
        self.init("it is larger than \(limit >> 20) MiB, and etcd takes half of that at most", nil)
    }

    /// One more than are taken up.
    public init(tooMany pod: Pod) {
        name = pod.name
        uid = pod.metadata.uid
        version = pod.metadata.resourceVersion
        sentence = "the node has \(PodWatch.limit) pods already, and more are not taken up; see what makes so many"
    }

    private init(_ reason: String, _ metadata: Identity.Metadata?) {
        let names = [metadata?.namespace, metadata?.name].compactMap { $0 }.filter(PodName.isName)
        name = names.count == 2 ? names.joined(separator: "/") : nil
        uid = metadata?.uid.flatMap { PodName.isUID($0) ? $0 : nil }
        version = metadata?.resourceVersion
        sentence = "its object cannot be read (\(reason)); what is in force for it stays, see what wrote it so"
    }

    /// Of a decoder's error, what is wrong and where.
    private static func reason(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return String("\(error)".prefix(200)) }
        let (context, missing): (DecodingError.Context, String?) =
            switch error {
            case .keyNotFound(let key, let context): (context, key.stringValue)
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
                (context, nil)
            @unknown default: (.init(codingPath: [], debugDescription: "unknown"), nil)
            }
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
        let place = (path + (missing.map { [$0] } ?? [])).joined(separator: ".").prefix(120)
        let problem = missing == nil ? String(context.debugDescription.prefix(160)) : "it is missing"
        return place.isEmpty ? "it is no JSON object: \(problem)" : "\(place): \(problem)"
    }

    /// As much of an object as says whose it is.
    private struct Identity: Decodable {
        struct Metadata: Decodable {
            let name, namespace, uid, resourceVersion: String?

            private enum Key: CodingKey { case name, namespace, uid, resourceVersion }

            init(from decoder: any Decoder) throws {
                let fields = try decoder.container(keyedBy: Key.self)
                name = try? fields.decode(String.self, forKey: .name)
                namespace = try? fields.decode(String.self, forKey: .namespace)
                uid = try? fields.decode(String.self, forKey: .uid)
                resourceVersion = try? fields.decode(String.self, forKey: .resourceVersion)
            }
        }
        let metadata: Metadata?
    }

    private struct Event: Decodable { let object: Identity? }
}
