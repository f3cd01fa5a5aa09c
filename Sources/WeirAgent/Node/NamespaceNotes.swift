import Foundation
import Glibc
import WeirBPF
public import WeirCore

/// What an installation has put into network namespaces, a file for each in its `StateFolder`: a line with the namespace's
/// cookie, a line if tcp_fwmark_accept was off before Weir, and the workload as it was resolved, with the mechanism in
/// force. It outlives the agent as pinned maps do, and goes with the next boot.
struct NamespaceNotes: Sendable {
    private let state: StateFolder
    private var folder: String { "\(state.path)/\(Self.name)" }
    private static let name = "namespaces"

    init(_ pins: PinDirectory) { state = StateFolder(pins) }

    /// Writes one down; the file keeps its time if nothing has changed.
    /// - Parameter switchesAccept: whether net.ipv4.tcp_fwmark_accept, which is off, will now be switched on there. That is
    ///   known until the note goes.
    func write(_ resolved: ResolvedWorkload, _ mechanism: Mechanism, switchesAccept: Bool = false) throws {
        let path = resolved.publicPath
        takeOver(resolved)
        var noted = resolved.workload
        noted.mechanism = mechanism
        let isSwitched = switchesAccept || (cookie(at: path) == resolved.cookie && hasSwitchedAccept(at: path))
        let lines = ["\(Self.cookiePrefix)\(resolved.cookie)"] + (isSwitched ? [Self.switchedAccept] : [])
        let text = (lines + [try JSONText.line(noted), ""]).joined(separator: "\n")
        if Self.read(file(path)) == text { return }
        try write(text, at: path)
    }

    /// What is written of the namespace.
    func text(at path: String) -> String? { Self.read(file(path)) }

    func write(_ text: String, at path: String) throws {
        try state.make(Self.name)
        // Whole or not at all: a reader may come at any time. Names with a dot in front are not read.
        let new = "\(folder)/.new"
        let isWritten = FileManager.default.createFile(atPath: new, contents: Data(text.utf8))
        guard isWritten, rename(new, file(path)) == 0 else {
            throw BPFError(
                code: errno, operation: "write", subject: "\(folder), where namespaces with nftables rules stand")
        }
    }

    private static let cookiePrefix = "# network namespace with cookie "
    private static let switchedAccept = "# net.ipv4.tcp_fwmark_accept was 0"

    /// Of the namespace that was there when the note was written. Nil: there is no note.
    func cookie(at path: String) -> UInt64? {
        guard let line = Self.read(file(path))?.prefix(while: { $0 != "\n" }), line.hasPrefix(Self.cookiePrefix)
        else { return nil }
        return UInt64(line.dropFirst(Self.cookiePrefix.count))
    }

    /// Whether Weir has switched net.ipv4.tcp_fwmark_accept on in the namespace that was there when the note was written.
    func hasSwitchedAccept(at path: String) -> Bool {
        Self.read(file(path))?.split(separator: "\n").contains { $0 == Self.switchedAccept } ?? false
    }

    /// Gives what an earlier agent wrote of this namespace its present name: a pod's may be found by another process.
    func takeOver(_ resolved: ResolvedWorkload) {
        for path in paths() where path != resolved.publicPath && cookie(at: path) == resolved.cookie {
            rename(file(path), file(resolved.publicPath))
        }
    }

    func exists(at path: String) -> Bool { access(file(path), F_OK) == 0 }

    func remove(at path: String) { unlink(file(path)) }

    func removeFolder() { state.clear() }

    func paths() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.first != "." }.map { "/" + $0.replacing("\u{1f}", with: "/") }.sorted()
    }

    func workloads() throws -> [NotedWorkload] {
        try paths().compactMap { path in
            // One that goes meanwhile is gone; one that another version wrote is written anew when its agent starts.
            guard let text = Self.read(file(path)), let cookie = cookie(at: path),
                let body = text.split(separator: "\n").last,
                let workload = try? JSONDecoder().decode(Workload.self, from: Data(body.utf8))
            else { return nil }
            let changed = try FileManager.default.attributesOfItem(atPath: file(path))[.modificationDate] as? Date
            return NotedWorkload(
                workload: workload, path: path, cookie: cookie, since: changed?.timeIntervalSince1970 ?? 0)
        }
    }

    /// An absolute path as a file name: / becomes the one character that YAML paths of namespaces do not have.
    private func file(_ path: String) -> String {
        let name = path.utf8.dropFirst().map { $0 == UInt8(ascii: "/") ? 0x1f : $0 }
        return "\(folder)/\(String(decoding: name, as: UTF8.self))"
    }

    private static func read(_ file: String) -> String? {
        FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) }
    }
}

/// A workload in whose namespace stands something of Weir's.
public struct NotedWorkload: Sendable {
    /// `mechanism` is the one in force.
    public let workload: Workload
    /// By which the namespace was found; it may name another one by now.
    public let path: String
    let cookie: UInt64
    /// Seconds since 1970.
    public let since: Double

    public var isIntercepted: Bool { workload.mechanism == .nftables }

    /// Nil: it is gone.
    func namespace() -> NetworkNamespace? { NetworkNamespace.find(cookie, at: path) }
}
