import Glibc
import Synchronization

/// Listeners that are served by a thread each: a connection gets the listener's word and is closed.
final class Answering: Sendable {
    private let isStopped = Atomic<Bool>(false)
    private let running = Atomic<Int>(0)
    let counts: Mutex<[String: Int]> = Mutex([:])

    /// Sockets are integers to the kernel, and these are only used by their threads.
    private struct Listener: @unchecked Sendable {
        let socket: Socket
        let word: String
    }

    init(_ listeners: [(Socket, String)]) {
        for (socket, word) in listeners {
            let listener = Listener(socket: socket, word: word)
            running.add(1, ordering: .relaxed)
            Pod.start { [self] in
                serve(listener)
                running.subtract(1, ordering: .relaxed)
            }
        }
    }

    private func serve(_ listener: Listener) {
        var count = 0
        while !isStopped.load(ordering: .relaxed) {
            guard let client = try? listener.socket.accept(milliseconds: 50) else { continue }
            count += 1
            try? client.send(listener.word + "\n")
        }
        counts.withLock { $0[listener.word, default: 0] += count }
    }

    /// Waits for the threads.
    func stop() {
        isStopped.store(true, ordering: .relaxed)
        while running.load(ordering: .relaxed) > 0 { usleep(1000) }
    }
}
