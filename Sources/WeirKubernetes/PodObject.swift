import Foundation
import WeirCore

/// A pod as a watch told of it, known by its names. What reading it costs is up to its owner, so it is read apart, when
/// its turn has come.
public struct PodObject: Sendable {
    /// "shop/cart-0".
    public let name: String
    public let uid: String
    let version: String?
    /// The watch's event.
    private let json: [UInt8]

    /// - Returns: nil where names are missing or could not be names.
    init?(inEvent event: ObjectTrimmer) {
        guard let name = event.identity["name"], let namespace = event.identity["namespace"], PodName.isName(name),
            PodName.isName(namespace), let uid = event.identity["uid"], PodName.isUID(uid)
        else { return nil }
        self.name = "\(namespace)/\(name)"
        self.uid = uid
        version = event.identity["resourceVersion"]
        json = event.trimmed
    }

    public func read() throws(OddPod) -> Pod {
        let data = Data(json)
        do {
            let pod = try JSONDecoder().decode(WatchEvent.Object<Pod>.self, from: data).object
            guard pod.metadata.uid == uid else { throw InvalidValue("it has two uids") }
            return pod
        } catch {
            throw OddPod(object: OddObject(error, inEvent: data))
        }
    }
}
