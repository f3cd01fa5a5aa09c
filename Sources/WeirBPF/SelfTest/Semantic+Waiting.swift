import CWeirBPF
import Glibc

/// Those that are about when a reader or writer is woken.
extension Semantic {
    static func epollLevel(_ pair: consuming SocketPair) throws(BPFError) -> String? {
        let events = try EventPoll(pair.reader, EPOLLIN.rawValue)
        pair.write("hello")
        guard events.wait(500) != 0, events.wait(10) != 0 else { return "level-triggered epoll misses bytes" }
        _ = SocketPair.read(pair.reader, 2)
        guard events.wait(10) != 0 else { return "level-triggered epoll misses the rest" }
        _ = SocketPair.read(pair.reader)
        return events.wait(10) == 0 ? nil : "level-triggered epoll reports an empty socket"
    }

    static func epollEdge(_ pair: consuming SocketPair) throws(BPFError) -> String? {
        let events = try EventPoll(pair.reader, EPOLLIN.rawValue | EPOLLET.rawValue | EPOLLRDHUP.rawValue)
        for _ in 0..<2 {
            pair.write("hello")
            guard events.wait(500) & EPOLLIN.rawValue != 0 else { return "edge-triggered epoll misses bytes" }
            pair.settle()
            _ = SocketPair.read(pair.reader)
        }
        guard events.wait(10) == 0 else { return "edge-triggered epoll reports bytes twice" }
        shutdown(pair.writer, Int32(SHUT_WR))
        return events.wait(500) & EPOLLRDHUP.rawValue != 0 ? nil : "edge-triggered epoll misses the end"
    }

    /// Readers such as tokio and nginx take a short read for "empty" and wait for the next edge. Bytes that waited
    /// behind the queue of messages would wait for ever.
    static func shortRead(
        _ pair: consuming SocketPair, _ redirection: borrowing Redirection
    ) throws(BPFError) -> String? {
        pair.write("hello")
        try redirection.turn(on: false)
        pair.write("world")
        pair.settle()
        return SocketPair.read(pair.reader).text == "helloworld" ? nil : "a short read leaves bytes without an edge"
    }

    /// Over the budget bytes go back to TCP. They stay behind those that were redirected, and fill its buffers, no more.
    static func backPressure(
        _ pair: consuming SocketPair, _ redirection: borrowing Redirection
    ) throws(BPFError) -> String? {
        let limit = 8 << 20
        var sent = 0
        SocketPair.set(pair.writer, SOL_SOCKET, SO_SNDBUF, Int32(1 << 16))
        SocketPair.set(pair.reader, SOL_SOCKET, SO_RCVBUF, Int32(1 << 16))
        while sent < limit {
            let part = (0..<(1 << 14)).map { UInt8(truncatingIfNeeded: (sent + $0) % 251) }
            let count = send(pair.writer, part, part.count, Int32(MSG_DONTWAIT))
            if count <= 0 { break }
            sent += count
            if sent >= 1 << 16 { try redirection.turn(on: false) }
        }
        guard sent < limit else { return "a writer is not held back" }
        guard SocketPair.wait(pair.writer, POLLOUT, milliseconds: 0) & POLLOUT == 0 else {
            return "a writer is told to go on while there is no room"
        }
        var read = 0
        while read < sent {
            let part = SocketPair.read(pair.reader, 1 << 16)
            if part.count <= 0 { return "bytes of a writer that was held back are lost" }
            for (index, byte) in part.bytes.enumerated() where byte != UInt8((read + index) % 251) {
                return "bytes come out of order"
            }
            read += part.count
        }
        return SocketPair.wait(pair.writer, POLLOUT, milliseconds: 500) & POLLOUT != 0
            ? nil : "a writer that was held back is not woken"
    }

    /// A reader that waits already, in poll() and in recv().
    static func wakeUp(_ pair: consuming SocketPair) -> String? {
        for inPoll in [true, false] {
            let later = Later(sendFrom: pair.writer)
            let isWoken = !inPoll || SocketPair.wait(pair.reader, POLLIN, milliseconds: 1000) != 0
            let isRead = SocketPair.read(pair.reader).text == "hello"
            _ = consume later
            if !isWoken { return "poll is not woken" }
            if !isRead { return "recv is not woken" }
        }
        return nil
    }

    /// A reader that waits is woken by the acknowledgement of its own FIN, and waits on.
    static func blockingRead(_ pair: consuming SocketPair) -> String? {
        let later = Later(sendFrom: pair.writer, afterEndOf: pair.reader)
        let isRead = SocketPair.read(pair.reader).text == "hello"
        _ = consume later
        return isRead ? nil : "a blocking read fails when something else than bytes wakes it"
    }

    static func order(
        _ pair: consuming SocketPair, _ redirection: borrowing Redirection
    ) throws(BPFError) -> String? {
        pair.write("hello")
        try redirection.turn(on: false)
        pair.write("world")
        shutdown(pair.writer, Int32(SHUT_WR))
        var text = ""
        while true {
            let part = SocketPair.read(pair.reader)
            if part.count <= 0 { break }
            text += part.text
        }
        return text == "helloworld" ? nil : "bytes come out of order when TCP follows"
    }

    /// Redirected bytes have no sequence numbers. A kernel that counts them when they are read from the same queue
    /// (net/ipv4/tcp_bpf.c, tcp_bpf_recvmsg_parser) thinks that as many bytes of TCP have been read, and so would
    /// `redirect.bpf.h`.
    static func sequence(
        _ pair: consuming SocketPair, _ redirection: borrowing Redirection
    ) throws(BPFError) -> String? {
        pair.write("hello")
        _ = SocketPair.read(pair.reader)
        try redirection.turn(on: false)
        pair.write("world")
        pair.settle()
        let waiting = pair.unread
        return waiting == 5 ? nil : "\(waiting) of 5 bytes count as unread after redirected ones were read"
    }
}

/// An epoll instance with one socket.
private struct EventPoll: ~Copyable {
    private let descriptor: Descriptor

    init(_ socket: Int32, _ events: UInt32) throws(BPFError) {
        descriptor = Descriptor(owning: epoll_create1(Int32(EPOLL_CLOEXEC)))
        var wanted = epoll_event()
        wanted.events = events
        guard epoll_ctl(descriptor.raw, EPOLL_CTL_ADD, socket, &wanted) == 0 else {
            throw BPFError(code: errno, operation: "watch", subject: "a socket of the self-test")
        }
    }

    /// The events, or 0 after so many milliseconds.
    func wait(_ milliseconds: Int32) -> UInt32 {
        var event = epoll_event()
        return epoll_wait(descriptor.raw, &event, 1, milliseconds) > 0 ? event.events : 0
    }
}

/// Another thread, which sends "hello" in a few milliseconds, when the caller waits. It has ended when this is gone, so
/// that it never meets a descriptor that is closed or somebody else's.
private struct Later: ~Copyable {
    private let thread: pthread_t

    /// - Parameter reader: an end whose other direction is shut down before; -1 for none.
    init(sendFrom writer: Int32, afterEndOf reader: Int32 = -1) {
        var thread = pthread_t()
        // Both fit into the one word that a thread is given.
        let both = UnsafeMutableRawPointer(bitPattern: Int(writer) << 32 | Int(UInt32(bitPattern: reader)))
        let error = pthread_create(
            &thread, nil,
            { both in
                let both = Int(bitPattern: both)
                usleep(5000)
                let reader = Int32(truncatingIfNeeded: both)
                if reader >= 0 {
                    shutdown(reader, Int32(SHUT_WR))
                    usleep(5000)
                }
                _ = Glibc.send(Int32(both >> 32), "hello", 5, Int32(MSG_NOSIGNAL))
                return nil
            }, both)
        // No thread means no memory for a stack; nothing that follows could work.
        precondition(error == 0, "cannot start a thread")
        self.thread = thread
    }

    deinit { pthread_join(thread, nil) }
}
