import Glibc

// Swift's Glibc module does not name it: it is declared for _GNU_SOURCE only. A pointer and an integer are passed alike
// by Swift's calling convention and C's.
@_silgen_name("memfd_create")
private func memfd_create(_ name: UnsafePointer<CChar>, _ flags: UInt32) -> Int32

/// A program that is run to its end on the calling thread, in that thread's network namespace.
package enum Tool {
    package struct Result {
        /// Its exit status; 128 and the signal when it was killed.
        package let status: Int32
        package let output: String
        package let errors: String
    }

    /// Where the tools are looked for: not in the environment's PATH, because root runs them.
    package static let folders = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"]

    /// The first of that name that nobody but root may change or replace.
    package static func find(_ name: String, _ folders: [String] = Tool.folders) -> String? {
        folders.first { access("\($0)/\(name)", X_OK) == 0 && isOfRoot($0) && isOfRoot("\($0)/\(name)") }
            .map { "\($0)/\(name)" }
    }

    /// One of that name that others than root may change or replace.
    static func doubtful(_ name: String, _ folders: [String]) -> String? {
        folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    private static func isOfRoot(_ path: String) -> Bool {
        var information = stat()
        return stat(path, &information) == 0 && information.st_uid == 0
            && information.st_mode & (S_IWGRP | S_IWOTH) == 0
    }

    /// Input and output are files in memory, so neither side ever waits for the other.
    /// - Parameter seconds: after which it is killed.
    package static func run(
        _ arguments: [String], input: String, limit seconds: Int = 30
    ) throws(NFTError) -> Result {
        let files = try [MemoryFile(), MemoryFile(), MemoryFile()]
        defer { for file in files { close(file.descriptor) } }
        for file in files[1...] { file.limitSize() }
        guard files[0].write(input) else { throw NFTError("there is no memory for \(arguments[0])'s input") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (target, file) in files.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, file.descriptor, Int32(target))
        }
        // Its end of a pair of sockets, on which nothing is written: it is closed when the program has ended.
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw NFTError("cannot make a pair of sockets: \(String(cString: strerror(errno)))")
        }
        defer { close(ends[0]) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], Int32(files.count))
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, arguments[0], &actions, nil, &pointers, environ)
        close(ends[1])
        guard error == 0 else { throw NFTError("cannot start \(arguments[0]): \(String(cString: strerror(error)))") }
        let isInTime = isClosed(ends[0], within: seconds)
        if !isInTime { kill(pid, SIGKILL) }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        guard isInTime else {
            throw NFTError("\(arguments.joined(separator: " ")) did not end within \(seconds) s and was killed")
        }
        let signal = status & 0x7f
        for file in files[1...] where file.isFull {
            throw NFTError("\(arguments[0]) prints more than \(MemoryFile.limit) bytes, which is more than is read")
        }
        return Result(
            status: signal == 0 ? status >> 8 & 0xff : 128 + signal, output: files[1].text, errors: files[2].text)
    }

    private static func isClosed(_ end: Int32, within seconds: Int) -> Bool {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            var waiting = pollfd(fd: end, events: Int16(POLLIN), revents: 0)
            let result = poll(&waiting, 1, Int32(max(.zero, deadline - .now) / .milliseconds(1)) + 1)
            if result > 0 { return true }
            if result == 0 || errno != EINTR { return false }
        }
    }
}

private struct MemoryFile {
    let descriptor: Int32

    init() throws(NFTError) {
        // MFD_CLOEXEC and MFD_ALLOW_SEALING, linux/memfd.h.
        descriptor = memfd_create("weir", 3)
        guard descriptor >= 0 else {
            throw NFTError("cannot make a file in memory: \(String(cString: strerror(errno)))")
        }
    }

    /// What a namespace's own root may have written into it is without limit, and the file's memory is the agent's. Room
    /// that nobody writes to takes none.
    static let limit = 16 << 20

    func limitSize() {
        // F_ADD_SEALS with F_SEAL_GROW, linux/fcntl.h.
        if ftruncate(descriptor, off_t(Self.limit)) == 0 { _ = fcntl(descriptor, 1033, 4) }
    }

    /// Whether all of it was written. Both ends have one offset.
    var isFull: Bool { lseek(descriptor, 0, SEEK_CUR) >= off_t(Self.limit) }

    /// Writes the text and goes back to its start.
    func write(_ text: String) -> Bool {
        var text = text
        let isWritten = text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while let start = rest.baseAddress, !rest.isEmpty {
                let count = Glibc.write(descriptor, start, rest.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
            return true
        }
        return isWritten && lseek(descriptor, 0, SEEK_SET) == 0
    }

    var text: String {
        let size = lseek(descriptor, 0, SEEK_CUR)
        guard size > 0 else { return "" }
        return String(unsafeUninitializedCapacity: Int(size)) { buffer in
            max(0, pread(descriptor, buffer.baseAddress, Int(size), 0))
        }
    }
}
