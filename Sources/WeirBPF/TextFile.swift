import Glibc

/// A text file, read line by line: those of /proc have no size.
enum TextFile {
    /// Without their ends; none when there is no such file.
    static func lines(_ path: String) -> [String] {
        guard let file = fopen(path, "re") else { return [] }
        defer { fclose(file) }
        return lines(file)
    }

    static func lines(_ file: UnsafeMutablePointer<FILE>) -> [String] {
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        var found: [String] = []
        while getline(&line, &capacity, file) > 0, let line {
            found.append(String(String(cString: line).prefix { $0 != "\n" }))
        }
        return found
    }
}
