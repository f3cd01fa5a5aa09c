import Foundation
import Glibc
import WeirBPF
import WeirKubernetes

/// Which network namespace is each pod's, as the CNI plugin said it or the agent found it: a file for each pod in its
/// installation's `StateFolder`. An agent that starts knows by it where its predecessor's pods are, whatever their
/// processes say. A reboot, after which no cookie is right, empties that.
struct SandboxNotes: Sendable {
    struct Note: Codable, Sendable, Equatable {
        /// Of the runtime; nil where the agent found the namespace without the plugin.
        var containerID: String?
        var ifName: String?
        /// By which it was found.
        var path: String
        var cookie: UInt64
        var inode: UInt64

        var sandbox: CNIValid.Sandbox? {
            guard let containerID, let ifName else { return nil }
            return CNIValid.Sandbox(containerID: containerID, ifName: ifName)
        }
    }

    private static let name = "sandboxes"
    private let state: StateFolder
    private var folder: String { "\(state.path)/\(Self.name)" }
    private static let limit = 16 << 10

    init(_ pins: PinDirectory) { state = StateFolder(pins) }

    /// - Throws: a sentence.
    func write(_ note: Note, of uid: String) throws {
        guard PodName.isUID(uid), read(uid) != note else { return }
        try state.make(Self.name)
        let data = try JSONEncoder().encode(note)
        // Whole or not at all, and under a name that is no uid until it is.
        let new = "\(folder)/.\(uid)"
        let isWritten = FileManager.default.createFile(
            atPath: new, contents: data, attributes: [.posixPermissions: 0o600])
        guard isWritten, rename(new, "\(folder)/\(uid)") == 0 else {
            throw BPFError(
                code: errno, operation: "write", subject: "\(folder), where the sandboxes of pods stand")
        }
    }

    /// - Returns: nil for one that is not there, or that the agent cannot have written.
    func read(_ uid: String) -> Note? {
        guard PodName.isUID(uid) else { return nil }
        let path = "\(folder)/\(uid)"
        var info = stat()
        guard lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_uid == geteuid(),
            info.st_size <= Self.limit, let data = FileManager.default.contents(atPath: path)
        else { return nil }
        return try? JSONDecoder().decode(Note.self, from: data)
    }

    func remove(_ uid: String) {
        guard PodName.isUID(uid) else { return }
        unlink("\(folder)/\(uid)")
    }

    /// Forgets pods that are gone.
    func keep(_ uids: Set<String>) {
        for name in Folder.names(in: folder) where !uids.contains(name) { unlink("\(folder)/\(name)") }
    }

    func removeAll() {
        keep([])
        state.clear()
    }
}
