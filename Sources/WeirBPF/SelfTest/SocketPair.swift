import CWeirBPF
import Glibc

/// A listener on a free port of 127.0.0.1.
struct LoopbackListener: ~Copyable {
    let descriptor: Descriptor
    fileprivate let address: sockaddr_in

    init() throws(BPFError) {
        let descriptor = try SocketPair.socket()
        let raw = descriptor.raw
        guard SocketPair.with(SocketPair.loopback(port: 0), { bind(raw, $0, $1) }) == 0, listen(raw, 16) == 0 else {
            throw BPFError(code: errno, operation: "listen on", subject: "127.0.0.1 for the self-test")
        }
        address = SocketPair.loopback(port: SocketPair.port(of: raw))
        self.descriptor = descriptor
    }
}

/// Two ends of one TCP connection on the loopback interface. No wait on either is longer than a second.
struct SocketPair: ~Copyable {
    private var ends: [Int32]
    var writer: Int32 { ends[0] }
    var reader: Int32 { ends[1] }

    init(_ listener: borrowing LoopbackListener) throws(BPFError) {
        let client = try Self.socket()
        let to = listener.address
        let raw = client.raw
        guard Self.with(to, { connect(raw, $0, $1) }) == 0 else {
            throw BPFError(code: errno, operation: "connect to", subject: "the self-test's listener")
        }
        let accepted = accept(listener.descriptor.raw, nil, nil)
        let copy = fcntl(raw, F_DUPFD_CLOEXEC, 0)
        guard accepted >= 0, copy >= 0 else {
            let code = errno
            close(accepted)
            close(copy)
            throw BPFError(code: code, operation: "accept", subject: "a connection of the self-test")
        }
        ends = [copy, accepted]
        for end in ends {
            Self.set(end, Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1))
            Self.set(end, SOL_SOCKET, SO_RCVTIMEO, timeval(tv_sec: 1, tv_usec: 0))
        }
    }

    deinit { for end in ends where end >= 0 { close(end) } }

    /// Closes the writer's end; with a RST if `abort`.
    mutating func closeWriter(abort: Bool = false) { end(0, abort) }

    mutating func closeReader() { end(1, false) }

    private mutating func end(_ index: Int, _ abort: Bool) {
        if abort { Self.set(ends[index], SOL_SOCKET, SO_LINGER, linger(l_onoff: 1, l_linger: 0)) }
        close(ends[index])
        ends[index] = -1
    }

    func write(_ text: StaticString, _ flags: Int32 = 0) {
        _ = send(writer, text.utf8Start, text.utf8CodeUnitCount, flags | Int32(MSG_NOSIGNAL))
    }

    /// Waits until everything that the writer sent over TCP is at the reader: acknowledged (SIOCOUTQ, tcp(7)).
    func settle() {
        let deadline = SelfTest.clock() + 1000
        var unacknowledged: Int32 = 1
        while unacknowledged > 0, SelfTest.clock() < deadline {
            // An acknowledgement may be held back for 40 ms.
            Self.set(reader, Int32(IPPROTO_TCP), TCP_QUICKACK, Int32(1))
            _ = ioctl(writer, UInt(TIOCOUTQ), &unacknowledged)
            if unacknowledged > 0 { usleep(200) }
        }
    }

    /// Bytes of TCP that the reader has not taken, by sequence numbers: rx_queue of /proc/net/tcp. -1: not found.
    var unread: Int {
        let ends = [reader, writer].map { String(Self.port(of: $0), radix: 16, uppercase: true) }
        for line in TextFile.lines("/proc/thread-self/net/tcp") {
            let fields = line.split(separator: " ")
            guard fields.count > 4, fields[1].hasSuffix(":\(ends[0])"), fields[2].hasSuffix(":\(ends[1])") else {
                continue
            }
            return fields[4].split(separator: ":").last.flatMap { Int($0, radix: 16) } ?? -1
        }
        return -1
    }

    /// - Returns: the bytes, or a negative errno.
    static func read(_ end: Int32, _ size: Int = 4096, _ flags: Int32 = 0) -> Result {
        var buffer = [UInt8](repeating: 0, count: size)
        let count = recv(end, &buffer, size, flags)
        return Result(count: count < 0 ? -Int(errno) : count, bytes: count < 0 ? [] : Array(buffer.prefix(count)))
    }

    struct Result {
        /// 0 at the end of the stream; a negative errno.
        let count: Int
        let bytes: [UInt8]
        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    /// poll(2) of one end: the events that there are, 0 after the time.
    static func wait(_ end: Int32, _ events: Int32, milliseconds: Int32) -> Int32 {
        var one = pollfd(fd: end, events: Int16(events), revents: 0)
        return poll(&one, 1, milliseconds) > 0 ? Int32(one.revents) : 0
    }

    static func set<Value: BitwiseCopyable>(_ end: Int32, _ level: Int32, _ option: Int32, _ value: Value) {
        var value = value
        _ = setsockopt(end, level, option, &value, socklen_t(MemoryLayout<Value>.size))
    }

    /// The local port, in host order.
    static func port(of end: Int32) -> UInt16 {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(end, $0, &size) }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    fileprivate static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }

    fileprivate static func with(_ address: sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32
    {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    fileprivate static func socket() throws(BPFError) -> Descriptor {
        let raw = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        if raw < 0 { throw BPFError(code: errno, operation: "make", subject: "a socket for the self-test") }
        return Descriptor(owning: raw)
    }
}
