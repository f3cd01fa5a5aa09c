import Glibc
public import WeirCore

/// The configuration on disk.
public enum ConfigurationFile {
    public static let standard = "/etc/weir/weir.yaml"

    /// - Throws: `ConfigurationError`, or a sentence that names the file.
    public static func read(_ path: String) throws -> Configuration {
        try Configuration(yaml: try text(path), file: path)
    }

    static func text(_ path: String) throws -> String {
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
        return try decode(bytes, path)
    }

    private static func decode(_ bytes: [UInt8], _ path: String) throws(ConfigurationError) -> String {
        // Of a file over the limit only the start was read, and its length is what is wrong.
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        guard bytes.count <= BoundedYAML.Limits.configuration.bytes else {
            return String(decoding: bytes, as: UTF8.self)
        }
        if [[0xff, 0xfe], [0xfe, 0xff]].contains(Array(bytes.prefix(2))) {
            throw problem("is written in UTF-16; save it as UTF-8", at: nil, path)
        }
        let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
        let wrong = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil }
        throw problem("has bytes here that are not UTF-8; save the file as UTF-8", at: wrong.map { $0 + 1 }, path)
    }

    private static func problem(_ sentence: String, at line: Int?, _ path: String) -> ConfigurationError {
        ConfigurationError(file: path, problems: [ConfigurationProblem(line: line, path: "", sentence: sentence)])
    }
}
