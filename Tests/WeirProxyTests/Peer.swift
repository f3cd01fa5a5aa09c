import Glibc
import NIOCore
import NIOPosix

/// A failed system call of a test's own socket.
struct SocketFailure: Error, Equatable {
    var code: Int32
    static let reset = SocketFailure(code: ECONNRESET)
}

/// A blocking TCP socket of a test. Every call gives up after 30 s, so that a broken relay fails a test instead of
/// hanging it.
final class Peer: Sendable {
    let descriptor: Int32

    init(adopting descriptor: Int32) throws {
        self.descriptor = try check(descriptor)
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    }

    convenience init(_ family: Int32 = AF_INET, flags: __socket_type = SOCK_CLOEXEC) throws {
        try self.init(adopting: socket(family, Int32(SOCK_STREAM.rawValue | flags.rawValue), 0))
    }

    deinit { Glibc.close(descriptor) }

    static func connected(to address: SocketAddress) throws -> Peer {
        let peer = try Peer(address.protocol == .inet6 ? AF_INET6 : AF_INET)
        try peer.connect(to: address)
        return peer
    }

    static func listening(on host: String = "127.0.0.1", port: Int = 0, backlog: Int32 = 512) throws -> Peer {
        let address = try SocketAddress(ipAddress: host, port: port)
        let peer = try Peer(address.protocol == .inet6 ? AF_INET6 : AF_INET)
        var yes: Int32 = 1
        try check(setsockopt(peer.descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, 4))
        try address.withSockAddr { _ = try check(bind(peer.descriptor, $0, socklen_t($1))) }
        try check(listen(peer.descriptor, backlog))
        return peer
    }

    func connect(to address: SocketAddress) throws {
        try address.withSockAddr { _ = try check(Glibc.connect(descriptor, $0, socklen_t($1))) }
    }

    func accept() throws -> Peer {
        try Peer(adopting: Glibc.accept(descriptor, nil, nil))
    }

    var local: SocketAddress {
        get throws { try address(of: descriptor, getsockname) }
    }

    var remote: SocketAddress {
        get throws { try address(of: descriptor, getpeername) }
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count { sent += try sendSome(bytes[sent...], flags: 0) }
    }

    /// Bytes that one send took.
    func sendSome(_ bytes: ArraySlice<UInt8>, flags: Int32) throws -> Int {
        try bytes.withUnsafeBytes { raw in
            try check(Glibc.send(descriptor, raw.baseAddress, raw.count, flags | Int32(MSG_NOSIGNAL)))
        }
    }

    /// Sends until the other side has not taken a byte for half a second, `limit` at the most. Returns what was taken.
    func sendUntilStuck(limit: Int) throws -> Int {
        let chunk = [UInt8](repeating: 7, count: 64 * 1024)
        var sent = 0
        while sent < limit {
            var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            if try check(poll(&wait, 1, 500)) == 0 { break }
            sent += try sendSome(chunk[...], flags: Int32(MSG_DONTWAIT))
        }
        return sent
    }

    /// The next bytes, empty at FIN.
    func receive(atMost count: Int = 64 * 1024) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = try check(recv(descriptor, buffer.baseAddress, count, 0))
        }
    }

    /// Everything until FIN.
    func receiveAll() throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = try receive()
            if bytes.isEmpty { return all }
            all += bytes
        }
    }

    /// What happens instead of the next bytes: the failure, or nil if there are bytes or a FIN.
    func failure() -> SocketFailure? {
        do {
            _ = try receive()
            return nil
        } catch {
            return error as? SocketFailure
        }
    }

    /// How a connection fails that the other side resets at once: connect(2) itself, when the RST is quicker.
    static func failure(connectingTo address: SocketAddress) -> SocketFailure? {
        do {
            return try connected(to: address).failure()
        } catch {
            return error as? SocketFailure
        }
    }

    func endOutput() throws { try check(shutdown(descriptor, Int32(SHUT_WR))) }

    /// Sends RST and drops the connection: connect(2) to AF_UNSPEC. The descriptor stays open.
    func reset() throws {
        var nowhere = sockaddr()
        try check(Glibc.connect(descriptor, &nowhere, socklen_t(MemoryLayout<sockaddr>.size)))
    }

    func setReceiveBuffer(_ bytes: Int32) throws {
        var bytes = bytes
        try check(setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, 4))
    }
}

@discardableResult
func check<T: BinaryInteger>(_ result: T) throws -> T {
    guard result >= 0 else { throw SocketFailure(code: errno) }
    return result
}

private func address(
    of descriptor: Int32, _ call: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
) throws -> SocketAddress {
    var storage = [UInt8](repeating: 0, count: 128)
    var size = socklen_t(storage.count)
    try storage.withUnsafeMutableBytes { raw in
        guard let base = raw.baseAddress else { return }
        try check(call(descriptor, base.assumingMemoryBound(to: sockaddr.self), &size))
    }
    // sin_port and sin6_port are at offset 2; sin_addr at 4, sin6_addr at 8 (ip(7), ipv6(7)).
    let ip = size == 16 ? storage[4..<8] : storage[8..<24]
    let port = Int(storage[2]) << 8 | Int(storage[3])
    return try SocketAddress(packedIPAddress: ByteBuffer(bytes: ip), port: port)
}

/// This process's listening socket at `local`, nil if there is none.
func listener(at local: SocketAddress) -> Int32? {
    (Int32(3)..<1024).first { descriptor in
        var listening: Int32 = 0
        var size = socklen_t(4)
        return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening == 1
            && (try? address(of: descriptor, getsockname)) == local
    }
}

/// An integer option of the socket of this process whose local and remote addresses are these, nil if there is none.
func option(
    _ level: Int32, _ name: Int32, ofSocketFrom local: SocketAddress, to remote: SocketAddress
) -> UInt32? {
    for descriptor in Int32(3)..<1024 {
        let ends = (try? address(of: descriptor, getsockname), try? address(of: descriptor, getpeername))
        guard ends == (local, remote) else { continue }
        var value: UInt32 = 0
        var size = socklen_t(4)
        if getsockopt(descriptor, level, name, &value, &size) == 0 { return value }
    }
    return nil
}
