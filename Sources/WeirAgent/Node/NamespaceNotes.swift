import CWeirABI
import Foundation
import Glibc
import WeirBPF
public import WeirCore

/// What an installation has put into network namespaces, a file for each below /run/weir: the workload as a
/// configuration, with the mechanism in force. It outlives the agent as pinned maps do, and goes with the next boot.
struct NamespaceNotes: Sendable {
    private let folder: String

    init(_ pins: PinDirectory) {
        folder = "/run/weir/namespaces-\(pins.path.split(separator: "/").last ?? "weir")"
    }

    /// Writes one down; the file keeps its time if nothing has changed.
    func write(_ resolved: ResolvedWorkload, _ mechanism: Mechanism) throws(BPFError) {
        let path = resolved.publicPath
        takeOver(resolved)
        var configuration = Configuration()
        var noted = resolved.workload
        noted.mechanism = mechanism
        noted.name = Self.name(noted.name)
        if resolved.held != nil { noted.selector = .netns(path) }
        configuration.workloads = [noted]
        let text = "\(Self.cookiePrefix)\(resolved.cookie)\n\(configuration.show())"
        if Self.read(file(path)) == text { return }
        mkdir("/run/weir", 0o755)
        mkdir(folder, 0o700)
        // Whole or not at all: a reader may come at any time. Names with a dot in front are not read.
        let new = "\(folder)/.new"
        let isWritten = FileManager.default.createFile(atPath: new, contents: Data(text.utf8))
        guard isWritten, rename(new, file(path)) == 0 else {
            throw BPFError(
                code: errno, operation: "write", subject: "\(folder), where namespaces with nftables rules stand")
        }
    }

    /// A name as far as a configuration and the kernel's maps have room for it; those of pods may be longer.
    static func name(_ name: String) -> String {
        String(decoding: name.utf8.prefix(Int(WEIR_NAME_SIZE) - 1), as: UTF8.self)
    }

    private static let cookiePrefix = "# network namespace with cookie "

    /// Of the namespace that was there when the note was written. Nil: there is no note.
    func cookie(at path: String) -> UInt64? {
        guard let line = Self.read(file(path))?.prefix(while: { $0 != "\n" }), line.hasPrefix(Self.cookiePrefix)
        else { return nil }
        return UInt64(line.dropFirst(Self.cookiePrefix.count))
    }

    /// Gives what an earlier agent wrote of this namespace its present name: a pod's may be found by another process.
    func takeOver(_ resolved: ResolvedWorkload) {
        for path in paths() where path != resolved.publicPath && cookie(at: path) == resolved.cookie {
            rename(file(path), file(resolved.publicPath))
        }
    }

    func exists(at path: String) -> Bool { access(file(path), F_OK) == 0 }

    func remove(at path: String) { unlink(file(path)) }

    func removeFolder() { rmdir(folder) }

    func paths() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.first != "." }.map {
            "/" + $0.split(separator: "\u{1f}").joined(separator: "/")
        }.sorted()
    }

    func workloads() throws -> [NotedWorkload] {
        try paths().compactMap { path in
            // One that goes meanwhile is gone.
            guard let text = Self.read(file(path)) else { return nil }
            guard let workload = try Configuration(yaml: text, file: file(path)).workloads.first else { return nil }
            let changed = try FileManager.default.attributesOfItem(atPath: file(path))[.modificationDate] as? Date
            return NotedWorkload(workload: workload, path: path, since: changed?.timeIntervalSince1970 ?? 0)
        }
    }

    /// A path as a file name: / becomes the one character that YAML paths of namespaces do not have.
    private func file(_ path: String) -> String {
        "\(folder)/\(path.split(separator: "/").joined(separator: "\u{1f}"))"
    }

    private static func read(_ file: String) -> String? {
        FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) }
    }
}

/// A workload in whose namespace stands something of Weir's.
public struct NotedWorkload: Sendable {
    /// `mechanism` is the one in force.
    public let workload: Workload
    /// Of the namespace.
    public let path: String
    /// Seconds since 1970.
    public let since: Double

    public var isIntercepted: Bool { workload.mechanism == .nftables }
}
