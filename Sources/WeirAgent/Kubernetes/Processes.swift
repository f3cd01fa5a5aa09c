import Glibc

/// The processes of this machine, as /proc has them.
enum Processes {
    static func all() -> [Int32] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var found: [Int32] = []
        while let entry = readdir(directory) {
            let first = entry.pointee.d_name.0
            guard first >= 0x30, first <= 0x39 else { continue }
            let pid = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { atoi($0) }
            }
            found.append(pid)
        }
        return found
    }

    /// A small file of /proc; nil when the process has gone.
    static func text(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(file, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}

extension Processes {
    /// A file of /proc or of cgroups as a whole, up to 1 MiB; empty when it is not there.
    static func wholeText(_ path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while text.count < 1 << 20, case let count = read(file, &buffer, buffer.count), count > 0 {
            text += buffer[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// A process's parent, and when it began, in ticks since the boot: fields 4 and 22 of proc(5), /proc/PID/stat.
    static func origin(of pid: Int32) -> (parent: Int32, start: UInt64)? {
        // The name, in brackets, may have spaces and brackets itself.
        guard let text = text("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[end...].split(separator: " ")
        guard fields.count > 20, let parent = Int32(fields[2]), let start = UInt64(fields[20]) else { return nil }
        return (parent, start)
    }

    /// A variable of this process; nil also for an empty one.
    static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    static func hostName() -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0, buffer[0] != 0 else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
