import Glibc
import NIOPosix
import Synchronization

/// Writes records as lines to a file descriptor, from a thread of its own.
///
/// `append` never waits for the descriptor: with `capacity` records waiting, further ones are dropped and counted.
///
/// Concurrency model: `queue` is guarded by its mutex. Whoever finds it empty submits one job to the pool's only
/// thread; that job writes until the queue is empty again, so there is one writer at a time and lines keep their order.
public final class AccessLog: Sendable {
    public enum Format: Sendable {
        case text, json
    }

    private struct Queue {
        var waiting: [RelayRecord] = []
        var writing = false
        var dropped: UInt64 = 0
    }

    private let descriptor: Int32
    private let format: Format
    private let capacity: Int
    private let queue = Mutex(Queue())
    private let pool = NIOThreadPool(numberOfThreads: 1)

    /// - Parameters:
    ///   - descriptor: stays open and owned by the caller until `close()` has returned.
    ///   - capacity: records that may wait, about 200 bytes each.
    public init(descriptor: Int32, format: Format = .text, capacity: Int = 4096) {
        self.descriptor = descriptor
        self.format = format
        self.capacity = capacity
        pool.start()
    }

    /// Records that were not written: too many waiting, or the descriptor failed.
    public var dropped: UInt64 { queue.withLock { $0.dropped } }

    public func append(_ record: RelayRecord) {
        let wake = queue.withLock { queue in
            guard queue.waiting.count < capacity else {
                queue.dropped += 1
                return false
            }
            queue.waiting.append(record)
            defer { queue.writing = true }
            return !queue.writing
        }
        guard wake else { return }
        // A closed pool runs the job at once on this thread, as cancelled; this thread must not write.
        pool.submit { state in if case .active = state { self.drain() } }
    }

    /// Writes what is waiting, however long the descriptor takes, and ends the thread. Records appended later are lost.
    public func close() async {
        // The pool runs its jobs in order, so this one comes after the last drain.
        try? await pool.runIfActive {}
        try? await pool.shutdownGracefully()
    }

    private func drain() {
        while true {
            let batch = queue.withLock { queue in
                defer { queue.waiting = [] }
                queue.writing = !queue.waiting.isEmpty
                return queue.waiting
            }
            if batch.isEmpty { return }
            var text = ""
            for record in batch { text += (format == .text ? record.line : record.json) + "\n" }
            if !write(text) { queue.withLock { $0.dropped += UInt64(batch.count) } }
        }
    }

    /// False if the descriptor failed; part of the text may have been written then.
    private func write(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if count > 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                } else if errno == EAGAIN {
                    var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&wait, 1, -1)
                } else if errno != EINTR {
                    return false
                }
            }
            return true
        }
    }
}
