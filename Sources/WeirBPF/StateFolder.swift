import Glibc

/// Where an installation writes down what must outlive its agent, until the next boot: /run/weir-state/<pins>. Not below
/// /run/weir, which systemd removes with the service that it made it for (RuntimeDirectory).
public struct StateFolder: Sendable {
    private static let root = "/run/weir-state"
    public let path: String
    private let name: String

    public init(_ pins: PinDirectory) {
        name = pins.path.split(separator: "/").last.map { String($0) } ?? "weir"
        path = "\(Self.root)/\(name)"
    }

    /// Makes a folder in it, for root alone.
    public func make(_ folder: String) throws(BPFError) {
        mkdir(Self.root, 0o755)
        mkdir(path, 0o700)
        if mkdir("\(path)/\(folder)", 0o700) != 0 && errno != EEXIST {
            throw BPFError(code: errno, operation: "make", subject: "\(path)/\(folder)")
        }
    }

    /// Removes what is empty of it.
    public func clear() {
        for folder in Folder.folders(in: path) { rmdir("\(path)/\(folder)") }
        rmdir(path)
        rmdir(Self.root)
    }

    /// Moves what an older version has written below /run/weir, which may be on another mount.
    public func takeOver() throws(BPFError) {
        for folder in ["namespaces", "replaced"] {
            let old = "/run/weir/\(folder)-\(name)"
            guard access(old, F_OK) == 0 else { continue }
            try make(folder)
            for file in Folder.names(in: old) {
                try TextFile.copy("\(old)/\(file)", to: "\(path)/\(folder)/\(file)")
                unlink("\(old)/\(file)")
            }
            rmdir(old)
        }
    }
}
