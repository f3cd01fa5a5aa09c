import Glibc

/// Ends a wait of another thread, once and for good.
public final class StopSignal: Sendable {
    /// A pair of sockets; the signal is a byte that nobody reads.
    private let (reading, writing): (Int32, Int32)

    public init() {
        var ends: [Int32] = [-1, -1]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends)
        (reading, writing) = (ends[0], ends[1])
    }

    deinit {
        close(reading)
        close(writing)
    }

    public func stop() { write(writing, "!", 1) }

    var isStopped: Bool {
        var descriptor = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, 0) > 0
    }

    /// Waits for the stop, for a descriptor to have something to read, or for the time to be over (-1: for any time).
    func wait(milliseconds: Int32, or other: Int32 = -1) {
        var descriptors = [reading, other].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        _ = poll(&descriptors, nfds_t(descriptors.count), milliseconds)
    }
}
