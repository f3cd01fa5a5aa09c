import Glibc

/// A socket of a test, closed with the object. Addresses are written "10.1.0.2:80" or "[fd00::1]:80".
final class Socket {
    let descriptor: Int32

    struct Failure: Error {
        let what: String
        let code: Int32
        var isRefused: Bool { code == ECONNREFUSED }
    }

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    @discardableResult
    static func check(_ result: Int32, _ what: String) throws -> Int32 {
        guard result >= 0 else { throw Failure(what: what, code: errno) }
        return result
    }

    private static func make(_ family: Int32, _ type: __socket_type) throws -> Socket {
        let socket = Socket(try check(Glibc.socket(family, Int32(type.rawValue) | O_CLOEXEC, 0), "socket"))
        // A hang is an error.
        var timeout = timeval(tv_sec: 30, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(socket.descriptor, SOL_SOCKET, option, &timeout, socklen_t(MemoryLayout<timeval>.size))
        }
        return socket
    }

    /// Both families at one port.
    static func listener(_ port: UInt16, transparent: Bool = false) throws -> Socket {
        let socket = try make(AF_INET6, SOCK_STREAM)
        // IPV6_TRANSPARENT, which sets IP_TRANSPARENT too.
        if transparent { try socket.set(IPPROTO_IPV6, 75) }
        try socket.set(SOL_SOCKET, Int(SO_REUSEADDR))
        try socket.bind("[::]:\(port)")
        try check(listen(socket.descriptor, 1024), "listen")
        return socket
    }

    static func datagram(_ address: String) throws -> Socket {
        let socket = try make(address.hasPrefix("[") ? AF_INET6 : AF_INET, SOCK_DGRAM)
        try socket.bind(address)
        return socket
    }

    static func connection(to address: String, mark: UInt32? = nil) throws -> Socket {
        let socket = try make(address.hasPrefix("[") ? AF_INET6 : AF_INET, SOCK_STREAM)
        if let mark { try socket.set(Int(SOL_SOCKET), Int(SO_MARK), Int32(mark)) }
        try socket.connect(to: address)
        return socket
    }

    func connect(to address: String) throws {
        try Self.with(address) { try Self.check(Glibc.connect(descriptor, $0, $1), "connect to \(address)") }
    }

    private func set<Level: BinaryInteger>(_ level: Level, _ option: Int, _ value: Int32 = 1) throws {
        var value = value
        try Self.check(
            setsockopt(descriptor, Int32(level), Int32(option), &value, socklen_t(MemoryLayout<Int32>.size)),
            "setsockopt")
    }

    private func bind(_ address: String) throws {
        try Self.with(address) { try Self.check(Glibc.bind(descriptor, $0, $1), "bind to \(address)") }
    }

    /// The next connection; nil when there is none within the time.
    func accept(milliseconds: Int32 = 30_000) throws -> Socket? {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard try Self.check(poll(&wanted, 1, milliseconds), "poll") > 0 else { return nil }
        return Socket(try Self.check(Glibc.accept(descriptor, nil, nil), "accept"))
    }

    func send(_ text: String) throws {
        try Self.check(Int32(Glibc.send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL))), "send")
    }

    func send(_ text: String, to address: String) throws {
        try Self.with(address) { try Self.check(Int32(sendto(descriptor, text, text.utf8.count, 0, $0, $1)), "sendto") }
    }

    /// - Returns: what came, and from where.
    func receive() throws -> (text: String, from: String) {
        var buffer = [UInt8](repeating: 0, count: 2048)
        var count = 0
        let from = try Self.address { pointer, length in
            count = recvfrom(descriptor, &buffer, buffer.count, 0, pointer, length)
            return count < 0 ? -1 : 0
        }
        return (String(decoding: buffer[..<count], as: UTF8.self), from)
    }

    /// SO_ORIGINAL_DST or IP6T_SO_ORIGINAL_DST, which have one number.
    func origin(ipv6: Bool) throws -> String {
        try Self.address { getsockopt(descriptor, ipv6 ? Int32(IPPROTO_IPV6) : Int32(IPPROTO_IP), 80, $0, $1) }
    }

    func localAddress() throws -> String { try Self.address { getsockname(descriptor, $0, $1) } }
    func peerAddress() throws -> String { try Self.address { getpeername(descriptor, $0, $1) } }

    @discardableResult
    private static func with<Result>(
        _ address: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result
    ) throws -> Result {
        let colon = address.lastIndex(of: ":") ?? address.endIndex
        let host = address[..<colon].filter { $0 != "[" && $0 != "]" }
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let error = getaddrinfo(host, String(address[colon...].dropFirst()), &hints, &found)
        defer { freeaddrinfo(found) }
        guard error == 0, let info = found?.pointee, let pointer = info.ai_addr else {
            throw Failure(what: "\(address) is no address", code: 0)
        }
        return try body(pointer, info.ai_addrlen)
    }

    private static func address(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) throws -> String {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return try withUnsafeMutablePointer(to: &storage) { storage in
            try storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                try check(call(pointer, &length), "address")
                var host = [CChar](repeating: 0, count: 64)
                var port = [CChar](repeating: 0, count: 8)
                getnameinfo(pointer, length, &host, 64, &port, 8, NI_NUMERICHOST | NI_NUMERICSERV)
                let name = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                    .replacing("::ffff:", with: "")
                let number = String(decoding: port.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                return name.contains(":") ? "[\(name)]:\(number)" : "\(name):\(number)"
            }
        }
    }
}
