import Glibc
import TestSupport

@testable import WeirBPF

/// A TCP socket of this process. It closes with this object.
final class StreamSocket {
    enum Kind { case plain, multipath, zeroCopy }

    /// IPPROTO_MPTCP of linux/in.h, which Debian 12's libc headers do not have.
    private static let protocolMPTCP: Int32 = 262

    let raw: Int32

    init(_ raw: Int32) { self.raw = raw }

    deinit { Glibc.close(raw) }

    static func listen(
        _ address: String, _ port: UInt16, _ kind: Kind = .plain
    ) throws(BPFError) -> StreamSocket {
        let made = try named(address, port, "listen on", kind, bind)
        try check(Glibc.listen(made.raw, 16) == 0 ? 0 : -errno, "listen on", address)
        return made
    }

    static func connect(
        _ address: String, _ port: UInt16, _ kind: Kind = .plain
    ) throws(BPFError) -> StreamSocket {
        try named(address, port, "connect to", kind, Glibc.connect)
    }

    func accept() throws(BPFError) -> StreamSocket {
        StreamSocket(try check(descriptorOrError(Glibc.accept(raw, nil, nil)), "accept", "a connection"))
    }

    /// Sends all of it; waits while there is no room.
    func send(_ bytes: [UInt8]) throws(BPFError) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(raw, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            try check(count < 0 ? -errno : 0, "send", "\(bytes.count - sent) bytes")
            sent += count
        }
    }

    /// Sends until nobody takes anything any more.
    /// - Returns: how many bytes were taken.
    @discardableResult
    func fill() throws(BPFError) -> Int {
        let bytes = [UInt8](repeating: 7, count: 1 << 16)
        var sent = 0
        var room = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
        while poll(&room, 1, 500) > 0 {
            let count = Glibc.send(raw, bytes, bytes.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            if count < 0 && errno != EAGAIN { try check(-errno, "send", "\(bytes.count) bytes") }
            sent += max(count, 0)
        }
        return sent
    }

    /// SO_ERROR, when there is one; 0 when none comes.
    func error(within seconds: Int32) throws -> Int32 {
        var event = pollfd(fd: raw, events: 0, revents: 0)
        poll(&event, 1, seconds * 1000)
        var error: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(raw, SOL_SOCKET, SO_ERROR, &error, &size)
        return error
    }

    /// What one read gives, empty at the end of the stream; with `flags` such as MSG_DONTWAIT.
    func receive(upTo size: Int, flags: Int32 = 0) throws(BPFError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        let count = recv(raw, &bytes, size, flags)
        try check(count < 0 ? -errno : 0, "receive", "\(size) bytes")
        return Array(bytes.prefix(count))
    }

    /// Reads until so many bytes have come, or the end.
    func receive(exactly size: Int) throws(BPFError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < size {
            let some = try receive(upTo: size - bytes.count)
            if some.isEmpty { break }
            bytes += some
        }
        return bytes
    }

    private func descriptorOrError(_ result: Int32) -> Int32 { result < 0 ? -errno : result }

    private static func named(
        _ address: String, _ port: UInt16, _ operation: String, _ kind: Kind,
        _ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(BPFError) -> StreamSocket {
        var four = sockaddr_in()
        four.sin_family = sa_family_t(AF_INET)
        four.sin_port = port.bigEndian
        if inet_pton(AF_INET, address, &four.sin_addr) == 1 {
            return try name(AF_INET, &four, "\(operation) \(address)", kind, call)
        }
        var six = sockaddr_in6()
        six.sin6_family = sa_family_t(AF_INET6)
        six.sin6_port = port.bigEndian
        inet_pton(AF_INET6, address, &six.sin6_addr)
        return try name(AF_INET6, &six, "\(operation) \(address)", kind, call)
    }

    private static func name<Name>(
        _ family: Int32, _ name: inout Name, _ operation: String, _ kind: Kind,
        _ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(BPFError) -> StreamSocket {
        let made = StreamSocket(socket(family, Int32(SOCK_STREAM.rawValue), kind == .multipath ? protocolMPTCP : 0))
        var one: Int32 = 1
        setsockopt(made.raw, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        // A hang is an error; accepted sockets take it over.
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(made.raw, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        if kind == .zeroCopy {
            let zeroCopy: Int32 = 60  // SO_ZEROCOPY, asm-generic/socket.h
            setsockopt(made.raw, SOL_SOCKET, zeroCopy, &one, socklen_t(MemoryLayout<Int32>.size))
        }
        let result = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call(made.raw, $0, socklen_t(MemoryLayout<Name>.size))
            }
        }
        try check(result == 0 ? 0 : -errno, operation, "with a socket")
        return made
    }
}

/// Both ends of a connection.
struct StreamPair {
    let caller: StreamSocket
    let callee: StreamSocket
}
