import Glibc

/// A folder of any file system; Foundation is not for this module.
public enum Folder {
    /// The names in it, sorted; none when it is not there.
    public static func names(in path: String) -> [String] { names(in: path) { _ in true } }

    /// The names of the folders in it.
    public static func folders(in path: String) -> [String] { names(in: path) { $0 == UInt8(DT_DIR) } }

    private static func names(in path: String, _ isWanted: (UInt8) -> Bool) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            guard isWanted(entry.pointee.d_type) else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
