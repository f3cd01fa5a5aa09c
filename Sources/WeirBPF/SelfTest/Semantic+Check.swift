import CWeirBPF
import Glibc

extension Semantic {
    /// What a socket does otherwise than applications expect: "FIONREAD returns 0". Nil: as it should.
    /// - Parameter asSender: looks at the end that sends, where the semantic has two sides.
    func check(
        _ pair: consuming SocketPair, _ redirection: borrowing Redirection, asSender: Bool
    ) throws(BPFError) -> String? {
        switch self {
        case .waitingBytes: Self.waitingBytes(pair)
        case .peek: Self.peek(pair)
        case .waitAll: Self.waitAll(pair)
        case .lowWatermark: Self.lowWatermark(pair)
        case .splice: asSender ? Self.spliceOut(pair) : Self.spliceIn(pair)
        case .sendfile: Self.sendfile(pair)
        case .zeroCopy: Self.zeroCopy(pair)
        case .epollLevel: try Self.epollLevel(pair)
        case .epollEdge: try Self.epollEdge(pair)
        case .shortRead: try Self.shortRead(pair, redirection)
        case .halfClose: Self.halfClose(pair)
        case .reset: asSender ? Self.closedUnread(pair) : Self.reset(pair)
        case .info: asSender ? Self.acknowledged(pair) : Self.received(pair)
        case .backPressure: try Self.backPressure(pair, redirection)
        case .wakeUp: Self.wakeUp(pair)
        case .blockingRead: Self.blockingRead(pair)
        case .order: try Self.order(pair, redirection)
        case .sequence: try Self.sequence(pair, redirection)
        }
    }

    /// How long a call waits that may have nothing to wait for, in milliseconds.
    private static let waiting = 40

    private static func waitingBytes(_ pair: consuming SocketPair) -> String? {
        pair.write("hello")
        pair.settle()
        var waiting: Int32 = -1
        _ = ioctl(pair.reader, UInt(FIONREAD), &waiting)
        return waiting == 5 ? nil : "FIONREAD returns \(waiting)"
    }

    private static func peek(_ pair: consuming SocketPair) -> String? {
        pair.write("hello")
        pair.write("world")
        pair.settle()
        let peek = Int32(MSG_PEEK)
        for _ in 0..<2 where SocketPair.read(pair.reader, 100, peek).text != "helloworld" {
            return "MSG_PEEK does not show what waits"
        }
        return SocketPair.read(pair.reader).text == "helloworld" ? nil : "MSG_PEEK consumes bytes"
    }

    private static func waitAll(_ pair: consuming SocketPair) -> String? {
        SocketPair.set(pair.reader, SOL_SOCKET, SO_RCVTIMEO, timeval(tv_sec: 0, tv_usec: waiting * 1000))
        pair.write("hello")
        pair.settle()
        let start = SelfTest.clock()
        _ = SocketPair.read(pair.reader, 10, Int32(MSG_WAITALL))
        // The kernel's timers come late, never early; half of the time allows for its clock's grain.
        return SelfTest.clock() - start >= Double(waiting) / 2 ? nil : "MSG_WAITALL does not wait for all"
    }

    private static func lowWatermark(_ pair: consuming SocketPair) -> String? {
        SocketPair.set(pair.reader, SOL_SOCKET, SO_RCVLOWAT, Int32(10))
        pair.write("hello")
        pair.settle()
        if SocketPair.wait(pair.reader, POLLIN, milliseconds: 10) != 0 { return "SO_RCVLOWAT is ignored" }
        pair.write("world")
        return SocketPair.wait(pair.reader, POLLIN, milliseconds: 500) != 0
            ? nil : "SO_RCVLOWAT leaves bytes above the mark unseen"
    }

    private static func spliceIn(_ pair: consuming SocketPair) -> String? {
        pair.write("hello")
        pair.settle()
        // On a socket that waits, splice does, whatever its own flag says.
        SocketPair.set(pair.reader, SOL_SOCKET, SO_RCVTIMEO, timeval(tv_sec: 0, tv_usec: waiting * 1000))
        return withPipe { read, write in
            let moved = weir_splice(pair.reader, write, 100)
            return moved == 5 ? nil : "splice moves nothing (\(moved < 0 ? BPFError.text(Int32(-moved)) : "\(moved)"))"
        }
    }

    private static func spliceOut(_ pair: consuming SocketPair) -> String? {
        withPipe { read, write in
            _ = Glibc.write(write, "hello", 5)
            let moved = weir_splice(read, pair.writer, 5)
            return moved == 5 && SocketPair.read(pair.reader).text == "hello"
                ? nil : "splice from a pipe does not send"
        }
    }

    private static func withPipe(_ body: (Int32, Int32) -> String?) -> String? {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return "no pipe can be made" }
        defer { for end in ends { close(end) } }
        return body(ends[0], ends[1])
    }

    private static func sendfile(_ pair: consuming SocketPair) -> String? {
        let file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        let size = 100_000
        var expected = [UInt8](repeating: 0, count: size)
        guard pread(file, &expected, size, 0) == size else { return "the file cannot be read" }
        let sent = Glibc.sendfile(pair.writer, file, nil, size)
        var got: [UInt8] = []
        while got.count < sent {
            let part = SocketPair.read(pair.reader, 1 << 17)
            if part.count <= 0 { break }
            got += part.bytes
        }
        return sent > 0 && got[...] == expected.prefix(sent) ? nil : "sendfile does not send the file"
    }

    /// The kernel says on the error queue when the memory may be used again.
    private static func zeroCopy(_ pair: consuming SocketPair) -> String? {
        SocketPair.set(pair.writer, SOL_SOCKET, 60, Int32(1))  // SO_ZEROCOPY, asm-generic/socket.h
        pair.write("hello", 0x400_0000)  // MSG_ZEROCOPY, linux/socket.h
        pair.settle()
        _ = SocketPair.read(pair.reader)
        let said = SocketPair.wait(pair.writer, 0, milliseconds: 50)
        return said & POLLERR != 0 ? nil : "MSG_ZEROCOPY never completes"
    }

    private static func halfClose(_ pair: consuming SocketPair) -> String? {
        pair.write("hello")
        shutdown(pair.writer, Int32(SHUT_WR))
        let first = SocketPair.read(pair.reader).text
        let second = SocketPair.read(pair.reader).count
        guard first == "hello", second == 0 else { return "the end of a half-closed stream is not seen" }
        _ = send(pair.reader, "back", 4, Int32(MSG_NOSIGNAL))
        return SocketPair.read(pair.writer).text == "back" ? nil : "a half-closed stream does not go on the other way"
    }

    private static func reset(_ pair: consuming SocketPair) -> String? {
        pair.write("hello")
        pair.settle()
        pair.closeWriter(abort: true)
        _ = SocketPair.wait(pair.reader, 0, milliseconds: 500)  // POLLHUP: the RST is there
        let first = SocketPair.read(pair.reader).text
        let second = SocketPair.read(pair.reader).count
        guard first == "hello" else { return "bytes before a RST are lost" }
        return second == -Int(ECONNRESET) ? nil : "a RST behind queued bytes is not seen"
    }

    private static func closedUnread(_ pair: consuming SocketPair) -> String? {
        pair.write("hello")
        pair.settle()
        pair.closeReader()
        let seen = SocketPair.read(pair.writer).count
        return seen == -Int(ECONNRESET) ? nil : "a peer that closes with unread bytes looks like one that read them"
    }

    /// struct tcp_info of linux/tcp.h: tcpi_bytes_acked at 120 (Linux 4.1), tcpi_bytes_received at 128.
    private static func information(_ end: Int32, at offset: Int) -> UInt64 {
        var buffer = [UInt8](repeating: 0, count: 512)
        var size = socklen_t(buffer.count)
        _ = getsockopt(end, Int32(IPPROTO_TCP), TCP_INFO, &buffer, &size)
        return buffer.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    }

    private static func received(_ pair: consuming SocketPair) -> String? {
        pair.write("hello")
        pair.settle()
        return information(pair.reader, at: 128) >= 5 ? nil : "TCP_INFO does not count received bytes"
    }

    private static func acknowledged(_ pair: consuming SocketPair) -> String? {
        pair.write("hello")
        pair.settle()
        // The SYN counts for one.
        return information(pair.writer, at: 120) >= 5 ? nil : "TCP_INFO does not count acknowledged bytes"
    }
}
