import Glibc
public import WeirCore

/// The configuration on disk.
public enum ConfigurationFile {
    public static let standard = "/etc/weir/weir.yaml"

    /// - Throws: `ConfigurationError`, or a sentence that names the file.
    public static func read(_ path: String) throws -> Configuration {
        try Configuration(yaml: try text(path), file: path)
    }

    public static func text(_ path: String) throws -> String {
        guard let file = fopen(path, "re") else {
            throw InvalidValue(
                "cannot read the configuration \(path): \(String(cString: strerror(errno))); name another file, or write "
                    + "one after the example deploy/weir.yaml")
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= BoundedYAML.Limits.configuration.bytes {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        if ferror(file) != 0 {
            throw InvalidValue("cannot read the configuration \(path): it is not a regular file; name another")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
