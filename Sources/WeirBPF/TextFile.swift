import Glibc

/// A text file, read line by line: those of /proc have no size.
enum TextFile {
    /// Without their ends; none when there is no such file.
    /// - Parameter most: as many lines are read.
    static func lines(_ path: String, most: Int = .max) -> [String] {
        guard let file = fopen(path, "re") else { return [] }
        defer { fclose(file) }
        return lines(file, most: most)
    }

    /// Writes a whole file under a name that nobody reads yet, and then gives it its own.
    static func write(_ text: String, to path: String) throws(BPFError) {
        let new = "\(path).new"
        let file = fopen(new, "we")
        let isWritten = file.map { fputs(text, $0) >= 0 } ?? false
        guard isWritten, file.map({ fclose($0) }) == 0, rename(new, path) == 0 else {
            throw BPFError(code: errno, operation: "write", subject: path)
        }
    }

    static func copy(_ path: String, to other: String) throws(BPFError) {
        try write(lines(path).map { $0 + "\n" }.joined(), to: other)
    }

    static func lines(_ file: UnsafeMutablePointer<FILE>, most: Int = .max) -> [String] {
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        var found: [String] = []
        while found.count < most, getline(&line, &capacity, file) > 0, let line {
            found.append(String(String(cString: line).prefix { $0 != "\n" }))
        }
        return found
    }
}
