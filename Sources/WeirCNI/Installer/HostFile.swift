import Glibc

/// Whole files of the node. Each is replaced at once or not at all: what is new is written under another name, brought to
/// the disk, and renamed into place.
enum HostFile {
    /// Who may use a file, and a mark that differs after the file was written again.
    struct Status: Equatable {
        var mode: mode_t
        var owner: uid_t
        var group: gid_t
        private var inode: ino_t = 0
        private var size = 0
        private var changed: [Int] = []

        static let program = Status(mode: 0o755, owner: 0, group: 0)

        private init(mode: mode_t, owner: uid_t, group: gid_t) {
            self.mode = mode
            self.owner = owner
            self.group = group
        }

        init?(_ path: String) {
            var entry = stat()
            guard stat(path, &entry) == 0 else { return nil }
            self.init(mode: entry.st_mode & 0o7777, owner: entry.st_uid, group: entry.st_gid)
            inode = entry.st_ino
            size = entry.st_size
            changed = [entry.st_mtim.tv_sec, entry.st_mtim.tv_nsec]
        }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func read(_ path: String) throws(InstallError) -> [UInt8] {
        var bytes: [UInt8] = []
        try readChunks(path) { bytes += $0 }
        return bytes
    }

    /// Whether two files have the same bytes.
    static func areEqual(_ one: String, _ other: String) throws(InstallError) -> Bool {
        guard let first = fopen(one, "re") else { throw .errno("read", one) }
        defer { fclose(first) }
        guard let second = fopen(other, "re") else { throw .errno("read", other) }
        defer { fclose(second) }
        var (left, right) = ([UInt8](repeating: 0, count: 64 << 10), [UInt8](repeating: 0, count: 64 << 10))
        while true {
            let counts = (fread(&left, 1, left.count, first), fread(&right, 1, right.count, second))
            guard counts.0 == counts.1, left[..<counts.0] == right[..<counts.1] else { return false }
            if counts.0 == 0 { return ferror(first) == 0 && ferror(second) == 0 }
        }
    }

    static func write(_ bytes: [UInt8], to path: String, like status: Status) throws(InstallError) {
        try replace(path, like: status) { (file) throws(InstallError) in try append(bytes[...], to: file, path) }
    }

    static func copy(_ source: String, to path: String, like status: Status) throws(InstallError) {
        try replace(path, like: status) { (file) throws(InstallError) in
            try readChunks(source) { (chunk) throws(InstallError) in try append(chunk, to: file, path) }
        }
    }

    static func remove(_ path: String) throws(InstallError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw .errno("remove", path) }
        try sync(folder(of: path))
    }

    static func move(_ path: String, to other: String) throws(InstallError) {
        guard rename(path, other) == 0 else { throw .errno("rename", path) }
        try sync(folder(of: other))
    }

    /// The name under which a file is written first. No runtime reads it, and a killed run's is written over.
    static func draft(of path: String) -> String {
        let parts = path.split(separator: "/")
        return "\(folder(of: path))/.\(parts.last ?? "").weir-new"
    }

    private static func replace(
        _ path: String, like status: Status, _ fill: (Int32) throws(InstallError) -> Void
    ) throws(InstallError) {
        let draft = draft(of: path)
        let file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw .errno("write", draft) }
        do throws(InstallError) {
            defer { close(file) }
            try fill(file)
            // In this order, CAP_CHOWN is enough where the owner is another.
            guard fchmod(file, status.mode) == 0, fchown(file, status.owner, status.group) == 0 else {
                throw .errno("set the mode and owner of", draft)
            }
            guard fsync(file) == 0 else { throw .errno("write", draft) }
            try move(draft, to: path)
        } catch {
            unlink(draft)
            throw error
        }
    }

    private static func readChunks(
        _ path: String, _ take: (ArraySlice<UInt8>) throws(InstallError) -> Void
    ) throws(InstallError) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .errno("read", path) }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(file, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .errno("read", path) }
            if count == 0 { return }
            try take(buffer[..<count])
        }
    }

    private static func append(_ bytes: ArraySlice<UInt8>, to file: Int32, _ path: String) throws(InstallError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .errno("write", path) }
            rest = rest.dropFirst(count)
        }
    }

    /// Makes a rename last over a crash of the node.
    private static func sync(_ folder: String) throws(InstallError) {
        let raw = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard raw >= 0 else { throw .errno("open", folder) }
        defer { close(raw) }
        // Some file systems of hosts cannot; then the rename lasts when the kernel writes it.
        guard fsync(raw) == 0 || errno == EINVAL else { throw .errno("write", folder) }
    }

    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }
}
